"""A store that is moved or copied with its folder, in folders of any name."""

import shutil
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from core.repository import working_copy
from tests.tracking.connected import find_run, open_experiment, training_run
from tracking import sqlite
from tracking.connection import create_store
from tracking.settings import tracking_uri

NAMES = [
    "plain",
    "50% done",
    "50%20done",
    "a?b",
    "a#b",
    "with spaces",
    "täglich 日本",
    'it\'s & "that"; $HOME',
    "a+b=c:d@e",
]


@pytest.fixture
def root(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an empty store."""
    folder = tmp_path / "checkouts" / "original"
    folder.mkdir(parents=True)
    shutil.copy(tables, folder / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return folder


def train(folder: Path, signature: str) -> str:
    file = folder / "history.json"
    file.write_text(signature)
    with training_run("e", "lstm", 1, signature) as run:
        run.log_metrics({"test_accuracy": 0.75})
        run.log_artifacts([file])
    return run.run_id


def content(run_id: str) -> str:
    """Of the run's artifact, by the address that the store has for it."""
    client, _ = open_experiment("e")
    return Path(client.download_artifacts(run_id, "history.json")).read_text()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_a_store_below_a_folder_of_any_name_is_made_there_and_nowhere_else(
    tmp_path: Path, tables: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name / "checkout"
    folder.mkdir(parents=True)
    if name != "50% done":  # there MLflow's tables are made anew
        shutil.copy(tables, folder / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    run_id = train(folder, "s1")
    assert content(run_id) == "s1"
    assert sqlite.database(tracking_uri()) == folder / "mlflow.db"
    assert MlflowClient(tracking_uri()).get_run(run_id).info.status == "FINISHED"
    assert (folder / "mlartifacts" / run_id / "artifacts" / "history.json").read_text() == "s1"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert [path.name for path in (tmp_path / name).iterdir()] == ["checkout"]


@pytest.mark.parametrize("name", ["moved", "50% done? #1 日本"])
def test_after_a_move_old_artifacts_are_found_and_new_ones_come_to_the_new_place(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = train(root, "s1")
    number = working_copy()
    moved = root.parent / name / "checkout"
    moved.parent.mkdir()
    root.rename(moved)
    root.parent.joinpath("original").write_text("nobody can make a folder of this name")
    monkeypatch.setenv("DVC_ROOT", str(moved))
    assert content(old) == "s1"
    assert content(train(moved, "s2")) == "s2"
    assert working_copy() == number
    assert not list((moved / "mlflow.running").glob("[!.]*"))
    client, experiment_id = open_experiment("e")
    assert {run.info.status for run in client.search_runs([experiment_id])} == {"FINISHED"}


def test_a_copy_beside_the_original_has_artifacts_of_its_own_and_leaves_the_original_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = train(root, "s1")
    number, before = working_copy(), files(root)
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    monkeypatch.setenv("DVC_ROOT", str(copy))
    new = train(copy, "s2")
    assert working_copy() != number
    assert files(root) == before
    assert (copy / "mlartifacts" / new / "artifacts" / "history.json").exists()
    shutil.rmtree(root)
    assert [content(old), content(new)] == ["s1", "s2"]


def test_a_copy_of_the_database_alone_writes_nothing_into_the_originals_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(root, "s1")
    before = files(root)
    clone = root.with_name("clone")
    clone.mkdir()
    shutil.copy(root / "mlflow.db", clone)
    monkeypatch.setenv("DVC_ROOT", str(clone))
    assert content(train(clone, "s2")) == "s2"
    assert files(root) == before


def test_a_database_elsewhere_keeps_its_artifacts_beside_itself_and_may_be_moved_with_them(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shutil.move(root / "mlflow.db", shared / "runs.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite.address(shared / "runs.db"))
    run_id = train(root, "s1")
    assert (shared / "mlartifacts" / run_id).exists()
    moved = shared.rename(tmp_path / "moved")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite.address(moved / "runs.db"))
    assert content(run_id) == "s1"


def test_a_database_elsewhere_whose_artifacts_lie_in_a_checkout_leaves_them_there(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As this project made them before it kept artifacts beside the database."""
    run_id = train(root, "s1")
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite.address(tmp_path / "shared" / "mlflow.db"))
    shutil.move(root / "mlflow.db", tmp_path / "shared")
    assert content(run_id) == "s1"


def test_experiments_with_artifacts_of_ones_own_elsewhere_stay_as_they_are(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(root, "s1")
    MlflowClient(tracking_uri()).create_experiment("mine", artifact_location="s3://bucket/mlartifacts")
    moved = root.rename(root.with_name("moved"))
    monkeypatch.setenv("DVC_ROOT", str(moved))
    client, _ = open_experiment("e")
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    assert experiment.artifact_location == "s3://bucket/mlartifacts"


def test_artifacts_that_cannot_be_written_hold_up_nothing_else_and_come_later(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "mlartifacts").write_text("not a folder")
    run_id = train(root, "s1")
    assert f"{root}/mlartifacts" in capsys.readouterr().err
    assert find_run("e", "s1") is None
    client, _ = open_experiment("e")
    run = client.get_run(run_id)
    assert run.info.status == "FAILED"
    assert run.data.metrics == {"test_accuracy": 0.75}
    (root / "mlartifacts").unlink()
    assert train(root, "s1") == run_id
    assert content(run_id) == "s1"
    assert client.get_run(run_id).info.status == "FINISHED"


def test_a_store_can_be_made_ahead_where_it_is_a_missing_file_and_only_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    create_store()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    create_store()
    made = (tmp_path / "mlflow.db").read_bytes()
    create_store()
    assert (tmp_path / "mlflow.db").read_bytes() == made
    assert content(train(tmp_path, "s1")) == "s1"
