"""The whole pipeline under real DVC, once: what it makes, what it leaves alone, what can be rebuilt."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from tests.once import made_once
from tests.pipelines.project import change_params, copy_project, run_in

Runs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def make(folder: Path) -> None:
        copy_project(folder, {})
        assert run_in(folder, "dvc", "init", "--force", "--quiet").returncode == 0
        result = run_in(folder, "dvc", "repro")
        assert result.returncode == 0, result.stdout + result.stderr

    return made_once(tmp_path_factory, "whole", make)


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """The finished project in another place, to be changed."""
    return Path(shutil.copytree(project, tmp_path / "copy"))


def read_runs(project: Path) -> Runs:
    """All that the store knows of its runs but their ids, by name."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lstm-vs-bilstm")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    names = {run.info.run_id: str(run.info.run_name) for run in found}
    return {str(run.info.run_name): read_run(client, run, names) for run in found}


def read_run(client: MlflowClient, run: Any, names: dict[str, str]) -> dict[str, Any]:
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.note")}
    tags["mlflow.parentRunId"] = names.get(tags.get("mlflow.parentRunId", ""), "")
    artifacts: set[str] = set()
    folders = [""]
    while folders:
        for entry in client.list_artifacts(run.info.run_id, folders.pop()):
            (folders.append if entry.is_dir else artifacts.add)(entry.path)
    return {
        "status": run.info.status,
        "times": (run.info.start_time, run.info.end_time),
        "params": run.data.params,
        "tags": tags,
        "metrics": {
            name: [(point.step, point.value, point.timestamp) for point in history]
            for name in run.data.metrics
            for history in [client.get_metric_history(run.info.run_id, name)]
        },
        "datasets": [(entry.dataset.name, entry.dataset.digest) for entry in run.inputs.dataset_inputs],
        "artifacts": artifacts,
    }


def test_every_output_is_there_and_every_run_is_finished(project: Path) -> None:
    for name in ("comparison.json", "comparison.html", "figures/scores.png"):
        assert (project / "reports" / name).stat().st_size > 0
    runs = read_runs(project)
    assert set(runs) == {
        "lstm · seed 1", "bilstm · seed 1", "lstm · bilstm on synthetic_reviews", "majority class", "linear model"
    }  # fmt: skip
    assert {run["status"] for run in runs.values()} == {"FINISHED"}
    training = runs["bilstm · seed 1"]
    assert {"test_accuracy", "train_loss", "epoch_seconds", "milliseconds_a_document"} <= set(training["metrics"])
    assert len(training["metrics"]["train_loss"]) == 2
    assert training["tags"]["mlflow.parentRunId"] == "lstm · bilstm on synthetic_reviews"
    assert {"model/model.safetensors", "learning_curves.png", "metrics.json"} <= training["artifacts"]


def test_references_are_children_of_the_comparison_and_the_verdict_begins_with_its_worth(project: Path) -> None:
    runs = read_runs(project)
    comparison = runs["lstm · bilstm on synthetic_reviews"]
    linear = runs["linear model"]
    assert (linear["tags"]["kind"], linear["tags"]["reference"]) == ("reference", "linear")
    assert linear["tags"]["mlflow.parentRunId"] == "lstm · bilstm on synthetic_reviews"
    assert {"test_accuracy", "training_seconds", "milliseconds_a_document"} <= set(linear["metrics"])
    assert {"metrics.json", "predictions.parquet"} <= linear["artifacts"]
    # 64 documents and two epochs teach nobody anything.
    summary = json.loads((project / "reports/comparison.json").read_text())
    assert summary["verdict"].startswith("Do not rely on this comparison yet: ")
    assert comparison["tags"]["verdict"].startswith("Do not rely on this comparison yet: ")
    assert comparison["tags"]["sound"] == "no"
    assert comparison["tags"]["sound.did_not_learn"] == summary["soundness"]["did_not_learn"]
    ((_, accuracy, _),) = comparison["metrics"]["references.linear.accuracy"]
    assert summary["references"]["linear"]["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-5)


def test_references_repeat_themselves_to_the_byte_in_the_same_run(project: Path, copy: Path) -> None:
    result = run_in(copy, "dvc", "repro", "--single-item", "--force", "reference")
    assert result.returncode == 0, result.stderr
    assert (copy / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()
    assert set(read_runs(copy)) == set(read_runs(project))
    store = MlflowClient(f"sqlite:///{copy / 'mlflow.db'}")
    experiment = store.get_experiment_by_name("lstm-vs-bilstm")
    assert experiment is not None
    assert len(store.search_runs([experiment.experiment_id], "tags.kind = 'reference'")) == 2


def test_no_output_of_dvc_holds_a_duration(project: Path) -> None:
    for name in ("results/lstm/seed-1/config.json", "references/linear/config.json", "reports/comparison.json"):
        assert "second" not in (project / name).read_text().replace("max_seconds", "")


def test_a_second_time_nothing_runs(project: Path) -> None:
    lock, runs = (project / "dvc.lock").read_bytes(), read_runs(project)
    result = run_in(project, "dvc", "repro")
    assert "Running stage" not in result.stdout
    assert (project / "dvc.lock").read_bytes() == lock
    assert read_runs(project) == runs


def test_trainings_repeat_themselves_to_the_byte(project: Path, copy: Path) -> None:
    result = run_in(copy, "dvc", "repro", "--single-item", "--force", "train@bilstm-1")
    assert result.returncode == 0, result.stderr
    assert (copy / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()


def test_trainings_in_copies_of_one_process_give_the_same_bytes_and_runs(project: Path, copy: Path) -> None:
    for name in ("results", "references", "reports", ".dvc/cache", "mlartifacts"):
        shutil.rmtree(copy / name)
    for name in ("dvc.lock", "mlflow.db"):
        (copy / name).unlink()
    result = run_in(copy, "python", "-m", "pipelines.grid", "--workers", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (copy / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()
    runs, expected = read_runs(copy), read_runs(project)
    for of_one in (*runs.values(), *expected.values()):
        del of_one["times"]
        of_one["metrics"] = set(of_one["metrics"])  # whose values may be durations
        of_one["tags"] = of_one["tags"]["mlflow.parentRunId"]  # the others name the folder
    assert runs == expected


def test_an_edit_of_one_variant_concerns_its_trainings_only(copy: Path) -> None:
    change_params(copy, {"variants.bilstm.hidden_size": 48})
    assert run_in(copy, "dvc", "repro", "match").returncode == 0
    changed = json.loads(run_in(copy, "dvc", "status", "--json").stdout)
    assert set(changed) == {"train@bilstm-1"}
    assert "data/variants/bilstm.json" in json.dumps(changed)


def test_a_lost_store_is_rebuilt_as_it_was(project: Path, copy: Path) -> None:
    (copy / "mlflow.db").unlink()
    shutil.rmtree(copy / "mlartifacts")

    result = run_in(copy, "python", "-m", "pipelines.restore")

    assert result.returncode == 0, result.stderr
    rebuilt = read_runs(copy)
    for run in rebuilt.values():
        assert run["tags"].pop("restored") == "true"
    assert rebuilt == read_runs(project)
    assert (copy / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()
    assert run_in(copy, "python", "-m", "pipelines.restore").returncode == 0
    assert len(read_runs(copy)) == len(rebuilt)
