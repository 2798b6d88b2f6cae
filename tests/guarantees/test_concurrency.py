"""Many writers on one store: docs/guarantees.md, promise 5. With real trainings: tests/torture/test_concurrency.py."""

import os
import subprocess
import sys
from pathlib import Path

from mlflow.tracking import MlflowClient

from tests.pipelines.project import ROOT

WRITERS, STEPS = 8, 20
WRITER_PROCESSES = """
import sys
from tests.forks import all_at_once
from tests.tracking.connected import find_run, training_run

def write(number):
    with training_run("e", f"v{number}", number, f"s{number}") as run:
        for step in range(steps):
            run.log_metrics({"train_loss": number + step / 1000, "validation_loss": number}, step=step)
    find_run("e", f"s{number}").log_metrics({"test_accuracy": number})

writers, steps = map(int, sys.argv[1:])
all_at_once(write, writers)
"""


def write_all_at_once(folder: Path, address: str | None = None, steps: int = STEPS) -> None:
    """Starts eight processes that each tell the store of one run."""
    environment = os.environ | {"DVC_ROOT": str(folder), "MLFLOW_TRACKING_URI": address or ""}
    command = [sys.executable, "-c", WRITER_PROCESSES, str(WRITERS), str(steps)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning: MLflow" not in done.stderr, done.stderr
    assert not list((folder / "mlflow.running").glob("[!.]*"))


def check_runs(client: MlflowClient, steps: int = STEPS) -> None:
    """Whether there is one experiment, with a whole run of each writer and nothing of another."""
    (experiment,) = [candidate for candidate in client.search_experiments() if candidate.name != "Default"]
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(int(run.data.tags["seed"]) for run in runs) == list(range(WRITERS))
    for run in runs:
        number = int(run.data.tags["seed"])
        assert run.info.status == "FINISHED"
        assert run.data.params["name"] == f"v{number}"
        assert run.data.metrics["test_accuracy"] == number
        losses = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "train_loss")]
        assert losses == [(step, number + step / 1000) for step in range(steps)]


def test_eight_processes_that_tell_a_fresh_store_at_once_lose_and_mix_nothing(tmp_path: Path) -> None:
    write_all_at_once(tmp_path)
    check_runs(MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}"))
