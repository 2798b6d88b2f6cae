"""Runs whose process was killed are closed by the next one that opens the store; those of living processes are not."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from tests import loaded
from tests.tracking.connected import find_run, open_experiment, training_run
from tests.tracking.server import Server
from tracking.notes import RUNNING


class Training:
    """A run in a process of its own, which goes on until it is killed or may end."""

    def __init__(self, seed: int) -> None:
        self.ours, theirs = Pipe()
        self.process = loaded.start(train, seed, dict(os.environ), theirs)
        theirs.close()
        assert self.ours.recv() == "training"

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def end(self) -> None:
        self.ours.send("end")
        self.process.join()


def train(seed: int, environment: dict[str, str], connection: Connection) -> None:
    """What the process runs."""
    os.environ.update(environment)
    with training_run("e", "lstm", seed, f"s{seed}") as run:
        run.log_metrics({"train_loss": 0.5}, step=1, at=4_000_000_000_000)
        connection.send("training")
        connection.recv()


Start = Callable[[int], Training]


@pytest.fixture(autouse=True)
def store(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    shutil.copy(tables, root / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(root))
    return root


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Training] = []

    def start(seed: int) -> Training:
        started.append(Training(seed))
        return started[-1]

    yield start
    for training in started:
        training.kill()


def statuses(client: MlflowClient | None = None) -> dict[str, str]:
    """By signature, as the store has them: nothing is closed by looking."""
    client = client or MlflowClient(f"sqlite:///{os.environ['DVC_ROOT']}/mlflow.db")
    return {run.data.tags["signature"]: run.info.status for run in runs(client)}


def runs(client: MlflowClient) -> list[MlflowRun]:
    return list(client.search_runs([entry.experiment_id for entry in client.search_experiments()]))


def entries(root: Path) -> list[Path]:
    return list((root / RUNNING).iterdir())


def test_the_next_one_closes_the_run_of_a_killed_process_and_no_other(store: Path, start: Start) -> None:
    killed, alive = start(1), start(2)
    killed.kill()
    assert statuses() == {"s1": "RUNNING", "s2": "RUNNING"}

    client, _ = open_experiment("e")

    assert statuses() == {"s1": "KILLED", "s2": "RUNNING"}
    (closed,) = [run for run in runs(client) if run.info.status == "KILLED"]
    assert closed.info.end_time == 4_000_000_000_000  # the last that is known of it
    alive.end()
    assert statuses() == {"s1": "KILLED", "s2": "FINISHED"}
    assert entries(store) == []


def test_a_run_of_another_experiment_is_closed_as_well(store: Path, start: Start) -> None:
    start(1).kill()
    open_experiment("another")
    assert statuses() == {"s1": "KILLED"}
    assert entries(store) == []


def test_the_same_training_takes_up_the_run_and_is_watched_again(store: Path, start: Start) -> None:
    start(1).kill()
    again = start(1)
    open_experiment("e")
    assert statuses() == {"s1": "RUNNING"}
    again.kill()
    open_experiment("e")
    (run,) = runs(open_experiment("e")[0])
    assert run.info.status == "KILLED"
    assert entries(store) == []


def test_a_run_of_a_dead_process_on_another_machine_is_left_alone(store: Path, start: Start) -> None:
    start(1).kill()
    (path,) = entries(store)
    entry = json.loads(path.read_text())
    path.write_text(json.dumps(entry | {"host": "elsewhere", "boot": "another"}))
    open_experiment("e")
    assert statuses() == {"s1": "RUNNING"}
    path.write_text(json.dumps(entry | {"boot": "before this machine was started again"}))
    open_experiment("e")
    assert statuses() == {"s1": "KILLED"}


def test_an_entry_that_a_full_disk_cut_off_is_no_obstacle(store: Path, start: Start) -> None:
    start(1).kill()
    (path,) = entries(store)
    (path.parent / "half").write_text(path.read_text()[:20])
    open_experiment("e")
    assert statuses() == {"s1": "KILLED"}
    assert entries(store) == []


def test_where_nothing_can_be_noted_down_the_training_goes_on(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / RUNNING).write_text("not a folder")
    with training_run("e", "lstm", 1, "s1"):
        pass
    assert statuses() == {"s1": "FINISHED"}
    assert "warning: mlflow.running/ cannot be written" in capsys.readouterr().err


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server") as running:
        yield running


def test_on_a_server_each_working_copy_closes_its_own_runs_also_a_copy_of_another_and_one_that_was_moved(
    store: Path, start: Start, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    client, copy, other = MlflowClient(server.address), store.with_name("copy"), store.with_name("other")
    killed, alive = start(1), start(2)
    killed.kill()
    shutil.copytree(store, copy)  # with what says that both runs are being written to
    other.mkdir()
    for folder in (copy, other):
        monkeypatch.setenv("DVC_ROOT", str(folder))
        open_experiment("e")
        assert statuses(client) == {"s1": "RUNNING", "s2": "RUNNING"}
    with training_run("e", "lstm", 2, "s2", resumed=True) as run:  # in a copy, a training goes on in a run of its own
        pass
    assert sorted(run.info.status for run in runs(client)) == ["FINISHED", "RUNNING", "RUNNING"]
    client.delete_run(run.run_id)

    moved = store.rename(store.with_name("moved"))  # while a process works in it
    monkeypatch.setenv("DVC_ROOT", str(moved))
    open_experiment("e")
    assert statuses(client) == {"s1": "KILLED", "s2": "RUNNING"}
    alive.end()
    assert statuses(client) == {"s1": "KILLED", "s2": "FINISHED"}


def test_a_copy_with_its_own_database_closes_the_run_there(
    store: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = start(1)
    copy = store.with_name("copy")
    shutil.copytree(store, copy)
    monkeypatch.setenv("DVC_ROOT", str(copy))
    open_experiment("e")
    assert statuses() == {"s1": "KILLED"}
    monkeypatch.setenv("DVC_ROOT", str(store))
    open_experiment("e")
    assert statuses() == {"s1": "RUNNING"}
    alive.end()
    assert find_run("e", "s1") is not None


def test_a_training_that_is_killed_while_the_server_is_down_leaves_no_run_and_no_note(
    store: Path, start: Start, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    server.stop()
    start(1).kill()
    open_experiment("e")  # still down
    assert len(entries(store)) == 2  # of the training and of the attempt
    server.start()
    open_experiment("e")
    assert statuses(MlflowClient(server.address)) == {}
    assert entries(store) == []
