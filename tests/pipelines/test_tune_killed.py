"""A search that is killed in the middle of a trial: a real process, SIGKILL, and what the next one does."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from config.params import load
from core.paths import TUNED
from models.training.fit import fit
from pipelines.tune import tune
from tests.guarantees.hold.sitecustomize import hold
from tests.guarantees.interruption import until
from tests.loaded import start
from tests.pipelines.project import change_params, enter


def search_until_checkpoint(folder: str, number: int) -> None:
    """Searches in `folder`; never gets beyond its checkpoint of this number."""
    os.chdir(folder)
    os.environ["DVC_ROOT"] = folder
    hold(number)
    tune(load(), "lstm")


def test_a_search_that_is_killed_in_the_middle_of_a_trial_repeats_and_loses_nothing(
    tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tuned, tmp_path / "project"))
    undisturbed = {path.name: path.read_bytes() for path in (folder / TUNED / "lstm").iterdir()}
    for name in ("trials", "checkpoints", "mlflow.db", "mlartifacts", TUNED):
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink(missing_ok=True)
    change_params(folder, {"train.checkpoint_steps": 1})  # changes no result
    checkpoints = 2  # of a trial: after its first step, and after its second and last

    search = start(search_until_checkpoint, str(folder), 2 * checkpoints)
    until((folder / f"checkpoint-{2 * checkpoints}").exists)
    assert search.is_alive()
    search.kill()
    search.join()
    assert search.exitcode == -signal.SIGKILL
    assert len(list((folder / "trials").iterdir())) == 1  # the first trial is done, the second has made one step

    enter(folder, monkeypatch)
    trained = []

    def note(*arguments: Any, seed: int, **named: Any) -> None:
        trained.append(seed)
        fit(*arguments, seed=seed, **named)

    monkeypatch.setattr("models.training.building.fit", note)
    tune(load(), "lstm")
    assert len(trained) == 2  # the second and the third
    assert capfd.readouterr().out.count("resuming after step 1\n") == 1
    assert {path.name: path.read_bytes() for path in (folder / TUNED / "lstm").iterdir()} == undisturbed
    client = MlflowClient(f"sqlite:///{(folder / 'mlflow.db').resolve()}")
    runs = client.search_runs(["1"], "tags.kind = 'trial'")
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    assert all(len(client.get_metric_history(run.info.run_id, "validation_loss")) == 1 for run in runs)
