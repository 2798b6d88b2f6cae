"""Real trainings, DVC experiments and MLflow's pages, all at once on one store."""

import csv
import io
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from tests.guarantees.conftest import finished, project
from tests.guarantees.project import Project, stop
from tests.guarantees.test_concurrency import check_runs, write_all_at_once
from tests.tracking.server import Server

__all__ = ["finished", "project"]  # the fixtures


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server") as running:
        yield running


def runs_of(address: str) -> list[MlflowRun]:
    client = MlflowClient(address)
    (experiment,) = [candidate for candidate in client.search_experiments() if candidate.name != "Default"]
    return list(client.search_runs([experiment.experiment_id]))


def test_eight_writers_of_a_hundred_steps_on_a_server(tmp_path: Path, server: Server) -> None:
    write_all_at_once(tmp_path, server.address, steps=100)
    check_runs(MlflowClient(server.address), steps=100)


@pytest.mark.parametrize("kind", ["SQLite, with the pages open", "server"])
def test_eight_trainings_at_once_on_a_fresh_store(kind: str, tmp_path: Path, project: Project) -> None:
    project.change_params({"compare.seeds": list(range(8))})
    assert project.run("dvc", "repro", "tune@lstm").returncode == 0  # a setting for each seed
    (project.folder / "mlflow.db").unlink()
    server = Server(tmp_path / "server")
    address = f"sqlite:///{project.folder / 'mlflow.db'}"
    if kind == "server":
        server.start()
        address = server.address
    pages = project.start("commands.ui", "--port", str(server.port)) if "pages" in kind else None
    trainings = [
        project.start("pipelines.train", "--variant", "lstm", "--seed", str(seed), MLFLOW_TRACKING_URI=address)
        for seed in range(8)
    ]
    try:
        for training in trainings:
            if pages is not None:
                read(pages, server.port)
            errors = training.communicate()[1]
            assert training.returncode == 0, errors
            assert "warning: MLflow" not in errors
        runs = runs_of(address)
        assert sorted(int(run.data.tags["seed"]) for run in runs) == list(range(8))
        for run in runs:
            history = MlflowClient(address).get_metric_history(run.info.run_id, "train_loss")
            assert [point.step for point in history] == [1, 2]
            assert run.info.status == "FINISHED"
    finally:
        server.stop()
        if pages is not None:
            stop(pages)


def read(pages: "subprocess.Popen[str]", port: int) -> None:
    """Asks MLflow's pages for their list of experiments, as an open browser does, once they answer."""
    while pages.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/search?max_results=10", timeout=30):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("MLflow's pages have ended")


def test_two_repros_in_one_checkout_end_as_one(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.commit()
    both = [project.start("dvc", "repro") for _ in range(2)]
    for process in both:
        _, errors = process.communicate()
        assert process.returncode == 0 or "is busy" in errors or "lock" in errors, errors
    assert project.run("dvc", "repro").returncode == 0
    last = project.run("dvc", "repro")
    assert "Running stage" not in last.stdout
    kinds = sorted(run.data.tags["kind"] for run in runs_of(f"sqlite:///{project.folder / 'mlflow.db'}"))
    assert kinds == ["comparison", "reference", "reference", "training"]


def test_queued_and_temporary_experiments_share_one_store_with_the_pages_open(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project")
    project.commit()
    port = Server(tmp_path).port
    pages = project.start("commands.ui", "--port", str(port))
    read(pages, port)
    for epochs in (1, 3, 4):
        assert project.run("dvc", "exp", "run", "--queue", "-S", f"train.epochs={epochs}").returncode == 0
    assert project.run("dvc", "queue", "start", "--jobs", "2").returncode == 0
    aside = [project.start("dvc", "exp", "run", "--temp", "-S", f"train.batch_size={size}") for size in (8, 24)]
    for process in aside:
        read(pages, port)
        errors = process.communicate()[1]
        assert process.returncode == 0, errors
        assert "warning: MLflow" not in errors
    while any(state in (status := project.run("dvc", "queue", "status").stdout) for state in ("Running", "Queued")):
        read(pages, port)
        time.sleep(1)
    stop(pages)
    assert status.count("Success") == 3, status

    runs = runs_of(f"sqlite:///{project.folder / 'mlflow.db'}")
    assert {run.info.status for run in runs} == {"FINISHED"}
    trainings = [run for run in runs if run.data.tags["kind"] == "training"]
    assert len(trainings) == 5
    settings = {(run.data.params["train.epochs"], run.data.params["train.batch_size"]) for run in trainings}
    assert settings == {("1", "16"), ("3", "16"), ("4", "16"), ("2", "8"), ("2", "24")}
    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    for run in trainings:
        history = client.get_metric_history(run.info.run_id, "train_loss")
        assert [point.step for point in history] == list(range(1, int(run.data.params["train.epochs"]) + 1))
        assert "test_accuracy" in run.data.metrics
    shown = csv.DictReader(io.StringIO(project.run("dvc", "exp", "show", "--csv").stdout))
    assert len([row for row in shown if row["Experiment"]]) >= 5
