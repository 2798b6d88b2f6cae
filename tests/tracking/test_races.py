"""Writers in several checkouts that tell one server the same at the same moment."""

import os
from pathlib import Path

from mlflow.tracking import MlflowClient

from tests.loaded import run_program
from tests.pipelines.project import ROOT
from tests.tracking.connected import CONFIG
from tests.tracking.server import Server

WRITERS, ROUNDS = 8, 3
PROCESSES = """
import multiprocessing, sys
import os
from pathlib import Path
from tests.forks import all_at_once
from tests.tracking.connected import training_run

def write(number):
    os.environ["DVC_ROOT"] = f"{folder}/{number}"
    Path(os.environ["DVC_ROOT"]).mkdir()
    for turn in range(rounds):
        start.wait()
        with training_run(f"experiment {turn}", "lstm", number, str(number)) as run:
            for part in range(rounds):
                start.wait()
                run.log_dataset(f"data {part}", "digest", "profile")

folder, writers, rounds = sys.argv[1], *map(int, sys.argv[2:])
start = multiprocessing.get_context("fork").Barrier(writers, timeout=60)
all_at_once(write, writers)
"""


def test_who_comes_second_finds_what_the_first_has_made(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        limits = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "120", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
        environment = os.environ | {"MLFLOW_TRACKING_URI": server.address} | limits
        done = run_program(ROOT, environment, PROCESSES, str(tmp_path), str(WRITERS), str(ROUNDS))
        assert done.returncode == 0, done.stderr
        assert "warning: MLflow" not in done.stderr, done.stderr
        assert not list(tmp_path.glob("*/mlflow.running/[!.]*"))
        client = MlflowClient(server.address)
        for turn in range(ROUNDS):
            experiment = client.get_experiment_by_name(f"experiment {turn}")
            assert experiment is not None
            runs = client.search_runs([experiment.experiment_id])
            assert sorted(run.data.tags["seed"] for run in runs) == [str(number) for number in range(WRITERS)]
            for run in runs:
                assert run.inputs is not None
                names = {entry.dataset.name for entry in run.inputs.dataset_inputs}
                assert names == {CONFIG["data"]["name"], *(f"data {part}" for part in range(ROUNDS))}
