"""Writers in several checkouts that tell one server the same at the same moment."""

import os
import subprocess
import sys
from pathlib import Path

from mlflow.tracking import MlflowClient

from tests.pipelines.project import ROOT
from tests.tracking.server import Server

WRITERS, ROUNDS = 8, 3
PROCESSES = """
import multiprocessing, sys
from pathlib import Path
from mlflow.entities import Dataset, DatasetInput
from tests.forks import all_at_once
from tracking.client import OutboxClient

def write(number):
    (Path(folder) / str(number)).mkdir()
    for turn in range(rounds):
        start.wait()
        client = OutboxClient(address, f"experiment {turn}", Path(folder) / str(number))
        run_id = client.create_run(client.experiment_id(client.experiment), run_name=str(number)).info.run_id
        for part in range(rounds):
            start.wait()
            client.log_inputs(run_id, [DatasetInput(Dataset(f"data {part}", "digest", "code", "raw", profile="p"), [])])
        client.set_terminated(run_id)

address, folder, writers, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
start = multiprocessing.get_context("fork").Barrier(writers, timeout=60)
all_at_once(write, writers)
"""


def test_who_comes_second_finds_what_the_first_has_made(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        command = [sys.executable, "-c", PROCESSES, server.address, str(tmp_path), str(WRITERS), str(ROUNDS)]
        environment = os.environ | {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "warning: MLflow" not in done.stderr, done.stderr
        assert not list(tmp_path.rglob("mlflow.outbox"))
        client = MlflowClient(server.address)
        for turn in range(ROUNDS):
            experiment = client.get_experiment_by_name(f"experiment {turn}")
            assert experiment is not None
            runs = client.search_runs([experiment.experiment_id])
            assert sorted(str(run.info.run_name) for run in runs) == [str(number) for number in range(WRITERS)]
            for run in runs:
                assert run.inputs is not None
                assert {entry.dataset.name for entry in run.inputs.dataset_inputs} == {
                    f"data {part}" for part in range(ROUNDS)
                }
