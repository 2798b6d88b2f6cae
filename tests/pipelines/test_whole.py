"""The whole pipeline under real DVC, once: what it makes, what it leaves alone, what can be rebuilt."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from joblib import cpu_count
from mlflow.tracking import MlflowClient

from config.params import load
from outputs.conditions import current_conditions
from tests.loaded import run_module
from tests.pipelines.project import change_params, copy_project, environment, run_in

Runs = dict[str, dict[str, Any]]


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """The finished project in another place, to be changed."""
    return Path(shutil.copytree(project, tmp_path / "copy"))


def run_again(project: Path, module: str) -> str:
    """Runs a stage or a command once more, without DVC; returns what it prints."""
    result = run_module(project, environment(), module)
    assert result.returncode == 0, result.stderr
    return result.stdout


def outputs_of(project: Path) -> dict[str, bytes]:
    """What DVC has recorded."""
    files = [path for folder in ("data", "results", "references", "reports") for path in (project / folder).rglob("*")]
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in files
        if path.is_file() and path.name != "comparison.html"  # which shows measured times
    }


def read_runs(project: Path) -> Runs:
    """All that the store knows of its runs but their ids, by name."""
    client = MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lstm-vs-bilstm")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    names = {run.info.run_id: str(run.info.run_name) for run in runs}
    return {str(run.info.run_name): read_run(client, run, names) for run in runs}


def read_run(client: MlflowClient, run: Any, names: dict[str, str]) -> dict[str, Any]:
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.note")}
    del tags["writer"], tags["working_copy"]  # which name the process and the folder
    tags |= {name: names.get(value, "") for name, value in tags.items() if name.startswith("training.")}
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
    assert {"vocabulary.json", "learning_curves.png", "metrics.json"} <= training["artifacts"]


def test_the_tokenizer_that_auto_chose_is_recorded(project: Path) -> None:
    assert load(project / "params.yaml").tokenize.tokenizer == "auto"
    for path in ("data/tokens/summary.json", "results/lstm/seed-1/config.json"):
        assert json.loads((project / path).read_text())["tokenize"]["tokenizer"] == "basic_english"
    assert read_runs(project)["lstm · seed 1"]["params"]["tokenize.tokenizer"] == "basic_english"
    assert "Tokens: basic_english, chosen because" in (project / "reports/comparison.html").read_text(encoding="utf-8")


def read_measured(project: Path, variant: str) -> dict[str, Any]:
    config = json.loads((project / "results" / variant / "seed-1" / "config.json").read_text())
    measured: dict[str, Any] = json.loads((project / "measurements" / f"{config['signature']}.json").read_text())
    return measured


def test_costs_are_measured_with_their_conditions_and_mlflow_has_both(project: Path) -> None:
    measured, training = read_measured(project, "bilstm"), read_runs(project)["bilstm · seed 1"]
    for name in (
        "training_seconds",
        "tokens_per_second_median",
        "training_startup_seconds",
        "milliseconds_a_document",
        "prediction_startup_seconds",
    ):
        assert measured[name] > 0
        assert [value for _, value, _ in training["metrics"][name]] == [measured[name]], name
    own = current_conditions("cpu")
    assert (own["cores"], own["engine"], own["torch"]) == (cpu_count(), "alone", version("torch"))
    for stage in ("training", "prediction"):
        assert measured[f"{stage}_conditions"] == [own]
        for name, value in own.items():
            assert training["tags"][f"conditions.{stage}.{name}"] == str(value)
    assert str(own["processor"]) in (project / "reports/comparison.html").read_text()


def test_no_output_of_dvc_holds_a_duration_or_hardware(project: Path) -> None:
    processor = str(current_conditions("cpu")["processor"])
    for name in ("results/lstm/seed-1/config.json", "references/linear/config.json", "reports/comparison.json"):
        content = (project / name).read_text()
        assert "second" not in content.replace("max_seconds", "")
        assert processor not in content


def test_dvcs_metrics_are_the_main_numbers_of_the_comparison(project: Path) -> None:
    shown = json.loads(run_in(project, "dvc", "metrics", "show", "--json").stdout)
    comparison = json.loads((project / "reports" / "comparison.json").read_text())
    gap = comparison["differences"]["bilstm"]["accuracy"]
    lstm, bilstm = (comparison["variants"][name]["accuracy"]["mean"] for name in ("lstm", "bilstm"))
    assert shown[""]["data"] == {"reports/metrics.json": {"data": {
        "lstm": {"accuracy": lstm},
        "bilstm": {
            "accuracy": bilstm, "difference": gap["value"], "low": gap["low"], "high": gap["high"],
            "p": gap["p_value_corrected"],
        },
    }}}  # fmt: skip


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
    assert comparison["tags"]["sound.did_not_learn"] == ", ".join(summary["soundness"]["did_not_learn"])
    ((_, accuracy, _),) = comparison["metrics"]["references.linear.accuracy"]
    assert summary["references"]["linear"]["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-5)


def test_references_repeat_themselves_to_the_byte_in_the_same_run(project: Path, copy: Path) -> None:
    run_ids = []
    for _ in range(2):
        run_again(copy, "pipelines.reference")
        client = MlflowClient(f"sqlite:///{copy / 'mlflow.db'}")
        run_ids.append({run.info.run_id for run in client.search_runs(["1"], "tags.kind = 'reference'")})
    assert run_ids[0] == run_ids[1]
    assert outputs_of(copy) == outputs_of(project)
    assert set(read_runs(copy)) == set(read_runs(project))


def test_a_second_time_nothing_runs(project: Path) -> None:
    lock, runs = (project / "dvc.lock").read_bytes(), read_runs(project)
    result = run_in(project, "dvc", "repro")
    assert "Running stage" not in result.stdout
    assert (project / "dvc.lock").read_bytes() == lock
    assert read_runs(project) == runs


def test_trainings_in_copies_of_one_process_give_the_same_bytes_and_runs(project: Path, copy: Path) -> None:
    for name in ("results", "references", "reports", ".dvc/cache", "mlartifacts"):
        shutil.rmtree(copy / name)
    for name in ("dvc.lock", "mlflow.db"):
        (copy / name).unlink()
    result = run_in(copy, "python", "-m", "commands.run", "--workers", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (copy / "dvc.lock").read_bytes() == (project / "dvc.lock").read_bytes()
    for variant in ("lstm", "bilstm"):
        for stage in ("training", "prediction"):
            (condition,) = read_measured(copy, variant)[f"{stage}_conditions"]
            assert condition == current_conditions("cpu") | {"engine": "grid of 2", "cores": max(cpu_count() // 2, 1)}
    assert "× the training time" in (copy / "reports/comparison.html").read_text()
    runs, expected = read_runs(copy), read_runs(project)
    for of_one in (*runs.values(), *expected.values()):
        del of_one["times"]
        of_one["metrics"] = set(of_one["metrics"])  # whose values may be durations
        of_one["tags"] = of_one["tags"]["mlflow.parentRunId"]  # the others name the folder
    assert runs == expected


def test_a_training_repeated_alone_is_not_compared_in_cost_with_one_of_a_grid(project: Path, copy: Path) -> None:
    measured = read_measured(copy, "lstm")
    in_grid = measured["training_conditions"][0] | {"engine": "grid of 2", "cores": 1}
    signature = json.loads((copy / "results/lstm/seed-1/config.json").read_text())["signature"]
    changed = measured | {"training_conditions": [in_grid], "prediction_conditions": [in_grid]}
    (copy / "measurements" / f"{signature}.json").write_text(json.dumps(changed))
    printed = run_again(copy, "pipelines.compare")
    assert "× the training time" not in printed
    assert "costs of training and prediction are not compared" in " ".join(printed.split())
    assert outputs_of(copy) == outputs_of(project)


def test_an_edit_of_one_variant_concerns_its_trainings_only(copy: Path) -> None:
    change_params(copy, {"variants.bilstm.hidden_size": 48})
    assert run_in(copy, "dvc", "repro", "match").returncode == 0
    changed = json.loads(run_in(copy, "dvc", "status", "--json").stdout)
    assert set(changed) == {"tune@bilstm", "train@bilstm-1"}
    assert "data/variants/bilstm.json" in json.dumps(changed)


def test_a_lost_store_is_rebuilt_as_it_was(project: Path, copy: Path) -> None:
    (copy / "mlflow.db").unlink()
    shutil.rmtree(copy / "mlartifacts")

    run_again(copy, "commands.restore")

    rebuilt = read_runs(copy)
    for run in rebuilt.values():
        assert run["tags"].pop("restored") == "true"
    assert rebuilt == read_runs(project)
    assert outputs_of(copy) == outputs_of(project)
    run_again(copy, "commands.restore")
    assert len(read_runs(copy)) == len(rebuilt)


def test_in_a_clone_that_pulls_the_outputs_every_run_is_told_and_belongs_to_its_comparison(
    copy: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    for command in (["remote", "add", "--default", "shared", str(tmp_path / "shared")], ["push", "--quiet"]):
        assert run_in(copy, "dvc", *command).returncode == 0
    clone.mkdir()
    copy_project(clone, {})
    assert run_in(clone, "dvc", "init", "--force", "--quiet").returncode == 0
    for name in ("dvc.lock", ".dvc/config"):
        shutil.copy(copy / name, clone / name)
    for command in (["pull", "--quiet"], ["repro"]):
        result = run_in(clone, "dvc", *command)
        assert result.returncode == 0, result.stdout + result.stderr
    run_again(clone, "pipelines.compare")
    check_comparison(clone)
    # Comparisons told before their trainings were, as in clones of earlier versions, whose trainings were lost then.
    comparison = "lstm · bilstm on synthetic_reviews"
    client = MlflowClient(f"sqlite:///{clone / 'mlflow.db'}")
    for run in client.search_runs(["1"]):
        for tag in [tag for tag in run.data.tags if tag.startswith(("training.", "mlflow.parentRunId"))]:
            client.delete_tag(run.info.run_id, tag)
        if run.info.run_name != comparison:
            client.delete_run(run.info.run_id)
    run_again(clone, "commands.restore")
    check_comparison(clone)


def check_comparison(project: Path) -> None:
    """Its trainings are its children, and it has recorded them."""
    runs, comparison = read_runs(project), "lstm · bilstm on synthetic_reviews"
    trainings = {"lstm · seed 1", "bilstm · seed 1", "linear model", "majority class"}
    assert set(runs) == {comparison, *trainings}
    assert {runs[name]["tags"]["mlflow.parentRunId"] for name in trainings} == {comparison}
    tags = runs[comparison]["tags"]
    assert {value for name, value in tags.items() if name.startswith("training.")} == trainings
    for name in trainings:
        assert tags[f"training.{runs[name]['tags']['signature']}"] == name
