"""An MLflow that is down, slow or refuses ends no stage, and gets everything from the outputs later, once."""

import resource
import shutil
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from commands.restore import restore
from commands.run import complete_runs
from config.params import load
from core.errors import TrackingError
from core.file_io import read_json
from core.repository import working_copy
from models.training.module import ClassifierModule
from outputs import measurements
from pipelines.compare import compare_and_log
from pipelines.evaluate import evaluate
from pipelines.reference import make_references
from pipelines.train import train
from tests.analysis.synthetic import draw_nothing
from tests.pipelines.prepared import prepare
from tests.pipelines.project import SMALL, make_own
from tests.tracking.connected import find_run, training_run
from tests.tracking.server import Server
from tracking import connection, notes, sqlite
from tracking.connection import connect
from tracking.progress import EpochMetrics

RESULTS = Path("results/lstm/seed-1")
ARTIFACTS = {
    "config.json", "history.json", "vocabulary.json", "learning_curves.png", "metrics.json", "predictions.parquet",
    "confusion_matrix.png",
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose data are tokenized."""
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        variants = {"lstm": {"cell": "lstm", "hidden_size": 4, "embedding_size": 4}}
        compare = {"compare.variants": ["lstm"], "compare.baseline": "lstm"}
        make_own(folder, {**SMALL, "variants": variants, **compare}, patch)
        prepare()
    return folder


@pytest.fixture
def project(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its own, in which the stages work."""
    folder = Path(shutil.copytree(prepared, tmp_path / "project"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Not started yet; the stages use it."""
    result = Server(tmp_path / "server")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", result.address)
    yield result
    result.stop()


def runs(address: str) -> tuple[MlflowClient, dict[str, MlflowRun]]:
    """MLflow's client, and the runs by name, each of which must be there once."""
    client = MlflowClient(address)
    experiment = client.get_experiment_by_name("lstm-vs-bilstm")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert len({run.info.run_name for run in found}) == len(found)
    return client, {str(run.info.run_name): run for run in found}


def artifacts(client: MlflowClient, run: MlflowRun, folder: str = "") -> set[str]:
    entries = client.list_artifacts(run.info.run_id, folder)
    inner = [artifacts(client, run, entry.path) for entry in entries if entry.is_dir]
    return {entry.path for entry in entries if not entry.is_dir}.union(*inner)


def check_training(client: MlflowClient, run: MlflowRun) -> None:
    """Whether MLflow has of the training and its evaluation what the outputs and the measurements have."""
    config, history = read_json(RESULTS / "config.json", "train"), read_json(RESULTS / "history.json", "train")
    metrics, measured = read_json(RESULTS / "metrics.json", "evaluate"), measurements.read(config["signature"])
    assert run.info.status == "FINISHED"
    assert run.info.end_time == measured["provenance"]["ended"]
    assert run.data.params["parameters.total"] == str(config["parameters"]["total"])
    assert run.data.tags["signature"] == config["signature"]
    assert run.data.tags["conditions.training.engine"] == "alone"
    assert run.data.tags["conditions.prediction.engine"] == "alone"
    assert run.data.metrics["training_seconds"] == measured["training_seconds"]
    assert run.data.metrics["milliseconds_a_document"] == measured["milliseconds_a_document"]
    assert run.data.metrics["test_accuracy"] == metrics["accuracy"]
    points = client.get_metric_history(run.info.run_id, "train_loss")
    assert [(point.step, point.value) for point in points] == [(line["epoch"], line["train_loss"]) for line in history]
    assert [point.timestamp for point in points] == [epoch["ended"] for epoch in measured["epochs"]]
    assert run.inputs is not None
    assert run.inputs.dataset_inputs[0].dataset.name == config["data"]["name"]
    assert artifacts(client, run) == ARTIFACTS


def left_notes() -> list[Path]:
    return list(Path(notes.RUNNING).glob("[!.]*"))


def warnings(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize("gone", ["before the training", "in mid-training", "before the evaluation"])
def test_a_server_that_goes_away_has_everything_after_the_next_make_run(
    gone: str, project: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_nothing(monkeypatch)  # the pictures of a comparison are files like others
    params = load()
    if gone != "before the training":
        server.start()
    if gone == "in mid-training":
        log_epoch = EpochMetrics.on_train_epoch_end

        def log_one_epoch(self: EpochMetrics, trainer: Any, module: ClassifierModule) -> None:
            if len(module.history) == 2:
                server.stop()
            log_epoch(self, trainer, module)

        monkeypatch.setattr(EpochMetrics, "on_train_epoch_end", log_one_epoch)
    train(params, "lstm", 1)
    server.stop()
    assert len(warnings(capsys)) == (gone != "before the evaluation")
    evaluate(params, "lstm", 1)
    assert len(warnings(capsys)) == 1
    make_references(params)
    assert len(warnings(capsys)) == 2  # one for each
    compare_and_log(params)
    assert len(warnings(capsys)) == 1
    with pytest.raises(TrackingError, match="MLflow does not have everything yet"):
        restore(params)

    server.start()
    complete_runs(params, nothing_due=True)

    client, found = runs(server.address)
    check_training(client, found["lstm · seed 1"])
    comparison = found.pop("lstm on synthetic_reviews")
    assert set(found) == {"lstm · seed 1", "majority class", "linear model"}
    assert {run.info.status for run in (comparison, *found.values())} == {"FINISHED"}
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {comparison.info.run_id}
    assert artifacts(client, comparison) > {"comparison.html", "comparison.json"}
    assert left_notes() == []
    capsys.readouterr()
    restore(params)
    assert "completed" not in capsys.readouterr().out
    assert len(runs(server.address)[1]) == 4


def test_an_execution_that_mlflow_missed_gets_its_own_run_beside_an_earlier_one_with_the_same_signature(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = load()
    train(params, "lstm", 1)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        train(params, "lstm", 1)
    for _ in range(2):
        evaluate(params, "lstm", 1)
    config = read_json(RESULTS / "config.json", "train")
    with connect(params.tracking.experiment) as mlflow:
        second, first = mlflow.search(f"tags.signature = '{config['signature']}'", 9)
    assert second.info.end_time == measurements.read(config["signature"])["provenance"]["ended"]
    assert "test_accuracy" in second.data.metrics
    assert "test_accuracy" not in first.data.metrics


def log_a_training() -> None:
    with training_run("e", "lstm", 1, "s1") as run:
        run.log_metrics({"train_loss": 0.5}, step=1)
        run.log_metrics({"train_loss": 0.25}, step=2)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.mark.parametrize("header", [False, True])
def test_a_server_whose_answer_never_ends_is_given_up_once(
    header: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It sends the beginning of a header, or of the content, and then a byte now and then."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    ended, asked = Event(), []
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connected, _ = dripping.accept()
                    asked.append(connected)
                    with connected, suppress(OSError):
                        begun = b"X: " if header else b"Content-Length: 99999999\r\n\r\n"
                        connected.sendall(b"HTTP/1.1 200 OK\r\n" + begun)
                        while not ended.wait(timeout=0.01):
                            connected.sendall(b" ")

        Thread(target=serve, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{dripping.getsockname()[1]}")
        log_a_training()
        ended.set()
    assert len(asked) == 1
    assert len(warnings(capsys)) == len(left_notes()) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_server_that_refuses_or_fails_is_named_without_its_password_and_ends_nothing(
    status: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Retry-After", "3600")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # restored afterwards
    with HTTPServer(("127.0.0.1", 0), Handler) as web:
        Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{web.server_port}")
        log_a_training()
        web.shutdown()
    (line,) = warnings(capsys)
    assert line.startswith("warning: MLflow is missing something (")
    assert "secret" not in line
    assert len(left_notes()) == 1


def locked(path: Path, patch: pytest.MonkeyPatch) -> Callable[[], None]:
    patch.setattr(connection, "DATABASE_SECONDS", 1)
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    return holder.close


def full(path: Path, patch: pytest.MonkeyPatch) -> Callable[[], None]:
    """No file may grow, which SQLite reports as it does a full disk."""
    working_copy()  # is on another disk
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))

    def end() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)

    return end


@pytest.mark.parametrize("kind", [locked, full])
def test_a_database_that_takes_nothing_ends_no_training_and_has_it_later(
    kind: Callable[[Path, pytest.MonkeyPatch], Callable[[], None]],
    folder: Path,
    tables: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copy(tables, folder / "mlflow.db")
    with monkeypatch.context() as patch:
        end = kind(folder / "mlflow.db", patch)
        try:
            log_a_training()
        finally:
            end()
    assert sum("MLflow is missing something" in line for line in warnings(capsys)) == 1
    log_a_training()
    found = find_run("e", "s1")
    assert found is not None
    assert found.metrics == {"train_loss": 0.25}
    with closing(sqlite3.connect(folder / sqlite.DATABASE)) as database:
        assert database.execute("SELECT status FROM runs").fetchall() == [("FINISHED",)]
