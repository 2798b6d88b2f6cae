"""More of tests/tracking/test_missing.py: a run that is deleted on the server, and processes that complete the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.params import load
from pipelines.compare import compare_and_log
from pipelines.evaluate import evaluate
from pipelines.reference import make_references
from pipelines.train import train
from tests.pipelines.project import ROOT
from tests.tracking.server import Server
from tests.tracking.test_missing import check_training, prepared, project, runs, server

__all__ = ["prepared", "project", "server"]  # the fixtures


def test_a_run_that_is_deleted_before_its_evaluation_is_replaced(project: Path, server: Server) -> None:
    server.start()
    params = load()
    train(params, "lstm", 1)
    client, found = runs(server.address)
    client.delete_run(found["lstm · seed 1"].info.run_id)
    evaluate(params, "lstm", 1)
    client, found = runs(server.address)
    check_training(client, found["lstm · seed 1"])


@pytest.mark.parametrize("kind", ["SQLite", "server"])
def test_three_processes_that_complete_the_same_runs_create_each_once(
    kind: str, project: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = load()
    train(params, "lstm", 1)  # the server is down
    evaluate(params, "lstm", 1)
    make_references(params)
    compare_and_log(params)
    if kind == "server":
        server.start()
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project / 'mlflow.db'}")
    command = [sys.executable, "-m", "commands.restore"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MLFLOW_HTTP_REQUEST_TIMEOUT": "120"}
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    client, found = runs(os.environ["MLFLOW_TRACKING_URI"])
    check_training(client, found["lstm · seed 1"])
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert len(found) == 4
