"""MLflow's models: complete without this project, linked with their metrics, and registered with the verdict."""

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet as pq
import pytest
from mlflow.entities.model_registry import ModelVersion
from mlflow.pyfunc import PyFuncModel
from mlflow.tracking import MlflowClient

from commands import register
from core.paths import RAW, RESULTS
from predictor.files import find_training
from predictor.predictor import Predictor
from tests.predictor.project import call, registered_project
from tracking.model_files import packaged_code, write_model
from tracking.scoring import load_champion, python_model_of

NAME = "lstm-vs-bilstm"


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = registered_project(tmp_path_factory)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture
def copied(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, in which models are registered."""
    folder = shutil.copytree(project, tmp_path / "copied")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return folder


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> PyFuncModel:
    """Loaded once: its loops are compiled."""
    folder = registered_project(tmp_path_factory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return load_champion(NAME)


def client_of(folder: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def version_of(folder: Path) -> ModelVersion:
    return client_of(folder).get_model_version_by_alias(NAME, "champion")


def model_folder(folder: Path) -> Path:
    """Where the champion's files are."""
    return folder / "mlartifacts/models" / model_id_of(folder) / "artifacts"


def model_id_of(folder: Path) -> str:
    return str(version_of(folder).source).removeprefix("models:/")


def test_the_registered_model_predicts_what_evaluate_did(project: Path, champion: PyFuncModel) -> None:
    expected = pq.read_table(RESULTS / "bilstm/seed-1/predictions.parquet")["probabilities"].to_pylist()
    found: Any = champion.predict(pq.read_table(RAW / "test.parquet")["text"].to_pylist())
    assert [list(row["probabilities"].values()) for row in found] == expected
    assert all(max(row["probabilities"], key=row["probabilities"].get) == row["label"] for row in found)


def test_its_code_is_one_package_named_after_its_content(champion: PyFuncModel) -> None:
    predictor = python_model_of(champion).predictor
    package, modules = packaged_code()
    assert type(predictor).__module__ == f"{package}.predictor.predictor"
    assert type(predictor) is not Predictor
    own = {name.partition("/")[0] for name in modules if "/" in name}
    loaded = {name for name in sys.modules if name.startswith(f"{package}.")}
    for name in loaded:
        imported = {value.__name__ for value in vars(sys.modules[name]).values() if type(value) is type(sys)}
        assert not {module for module in imported if module.partition(".")[0] in own}, name


def test_the_model_says_what_it_takes_and_gives_and_needs(champion: PyFuncModel, project: Path) -> None:
    signature: Any = champion.metadata.signature
    assert [str(column.type) for column in signature.inputs] == ["DataType.string"]
    assert signature.outputs.input_names() == ["label", "probabilities"]
    folder = model_folder(project)
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {line.partition("==")[0] for line in lines} == {
        "llvmlite", "mlflow", "numba", "numpy", "pyarrow", "pydantic", "rich", "safetensors", "sentencepiece", "torch"
    }  # fmt: skip
    assert all("==" in line and "+" not in line for line in lines)
    assert json.loads((folder / "input_example.json").read_text()) == ["A film to remember.", "Dull."]
    assert not {path.suffix for path in folder.rglob("*.pkl")}


def test_each_training_logs_a_model_with_its_metrics(project: Path) -> None:
    client = client_of(project)
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    models = {model.name: model for model in client.search_logged_models([experiment.experiment_id])}
    assert set(models) == {f"{variant}-seed-{seed}" for variant in ("bilstm", "gru2") for seed in (1, 2)}
    for name, model in models.items():
        variant, _, seed = name.split("-")
        metrics = json.loads((RESULTS / variant / f"seed-{seed}/metrics.json").read_text())
        linked = {metric.key: metric.value for metric in model.metrics or ()}
        assert str(model.status) == "READY"
        assert linked["test_accuracy"] == metrics["accuracy"]
        assert {"test_loss", "training_seconds", "milliseconds_a_document"} <= set(linked)
        assert model.params["variant"] == variant and model.params["seed"] == seed


def test_the_version_has_the_verdict_and_where_it_is_from(project: Path) -> None:
    version, verdict = version_of(project), json.loads(Path("reports/comparison.json").read_text())["verdict"]
    assert version.description is not None
    assert version.description.startswith(verdict)
    assert version.description.endswith("This is bilstm seed 1.")
    assert version.tags == {"variant": "bilstm", "seeds": "1", "data": "reviews"}


def test_the_winners_ensemble_is_registered_once(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(register) == 0
    assert call(register) == 0
    first, second = capsys.readouterr().out.splitlines()
    address = "mlflow.pyfunc.load_model('models:/lstm-vs-bilstm@champion')"
    assert (first, second) == (f"registered version 2: {address}", f"it already is version 2: {address}")
    comparison = json.loads(Path("reports/comparison.json").read_text())
    winner = max(comparison["variants"], key=lambda name: comparison["variants"][name]["accuracy"]["mean"])
    model: Any = client_of(copied).get_logged_model(model_id_of(copied))
    assert model.name == f"{winner}-seed-1-2"
    linked = {metric.key: metric.value for metric in model.metrics}
    assert linked["test_accuracy"] == comparison["ensembles"][winner]["accuracy"]["value"]
    folder = model_folder(copied) / "artifacts/trainings"
    predictor = Predictor([find_training(winner, seed) for seed in (1, 2)])
    assert len(list(folder.iterdir())) == 2 == len(predictor._members)


def test_a_moved_store_still_has_its_model(copied: Path) -> None:
    from tracking import sqlite

    sqlite.relocate(copied / "mlflow.db")
    with closing(sqlite3.connect(copied / "mlflow.db")) as connection:
        (place,) = connection.execute("SELECT storage_location FROM model_versions").fetchone()
    assert place == model_folder(copied).as_uri()


def test_without_a_comparison_in_mlflow_the_error_says_what_to_do(copied: Path) -> None:
    Path("mlflow.db").unlink()
    assert (
        call(register) == "error: MLflow lacks the runs of this comparison; make restore rebuilds them from the outputs"
    )


def test_two_models_with_other_code_do_not_share_modules(project: Path, tmp_path: Path) -> None:
    """The package's name changes with its code, which is all that Python looks at."""
    packaged_code.cache_clear()
    before, _ = packaged_code()
    with pytest.MonkeyPatch.context() as patch:
        changed = Path("predictor.py")
        original = Path.read_text
        patch.setattr(Path, "read_text", lambda path, **how: original(path, **how) + "#" * (path.name == changed.name))
        packaged_code.cache_clear()
        after, _ = packaged_code()
    packaged_code.cache_clear()
    assert before != after


def test_an_ensemble_keeps_its_order(project: Path, tmp_path: Path) -> None:
    write_model(tmp_path, [project / RESULTS / "gru2" / f"seed-{seed}" for seed in (2, 1)], "m-1", None)
    names = sorted(path.name for path in (tmp_path / "artifacts/trainings").iterdir())
    assert names == ["0001-gru2-seed-2", "0002-gru2-seed-1"]
    assert mlflow.models.Model.load(str(tmp_path)).model_id == "m-1"
