"""Runs in a real MLflow store: what they hold, how they end, how they are found again."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow.entities import Run as MlflowRun

from core.errors import TrackingError
from tests.tracking.connected import comparison_run, find_run, open_experiment, training_run
from tracking.comparisons import latest_trainings, link, relink
from tracking.connection import connect
from tracking.pages import Ranking, pages
from tracking.run import Provenance

ROOT = Path(__file__).parents[2]
BY_ACCURACY = Ranking("accuracy", higher_is_better=True)


@pytest.fixture(autouse=True)
def store(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(tables, tmp_path / "mlflow.db")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def runs() -> list[MlflowRun]:
    client, experiment_id = open_experiment("e")
    return list(client.search_runs([experiment_id]))


def test_a_training_is_one_run_with_params_metrics_data_set_and_tags(store: Path) -> None:
    (store / "history.json").write_text("[]")
    with training_run("e", "bilstm", 2, "s2") as run:
        run.log_metrics({"train_loss": 0.5}, step=1)
        run.log_metrics({"train_loss": 0.25}, step=2)
        run.log_artifacts([store / "history.json"])
    (logged,) = runs()
    assert logged.info.status == "FINISHED"
    assert logged.info.run_name == "bilstm · seed 2"
    assert logged.data.params["variant.bidirectional"] == "True"
    assert logged.data.params["parameters.total"] == "12"
    assert logged.data.metrics["train_loss"] == 0.25
    assert logged.data.tags["variant"] == "bilstm"
    assert logged.data.tags["seed"] == "2"
    note = "lstm, both directions, 12 parameters; trained on toy with seed 2."
    assert logged.data.tags["mlflow.note.content"] == note
    assert logged.data.tags["signature"] == "s2"
    assert logged.inputs is not None
    assert logged.inputs.dataset_inputs[0].dataset.name == "toy"
    client, _ = open_experiment("e")
    assert [metric.step for metric in client.get_metric_history(logged.info.run_id, "train_loss")] == [1, 2]
    assert [artifact.path for artifact in client.list_artifacts(logged.info.run_id)] == ["history.json"]
    assert (store / "mlflow.db").exists()
    assert (store / "mlartifacts").is_dir()


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_the_status_tells_how_a_training_ended(error: type[BaseException], status: str) -> None:
    with pytest.raises(error), training_run("e", "lstm", 1, "s1"):
        raise error
    assert [run.info.status for run in runs()] == [status]


def test_only_a_finished_training_is_found_and_the_newest_one() -> None:
    assert find_run("e", "s1") is None
    with pytest.raises(ValueError), training_run("e", "lstm", 1, "s1"):
        raise ValueError
    assert find_run("e", "s1") is None
    for _ in range(2):
        with training_run("e", "lstm", 1, "s1") as newest:
            pass
    run = find_run("e", "s1")
    assert run is not None
    assert run.run_id == newest.run_id


def test_a_comparison_is_the_parent_of_its_trainings() -> None:
    for seed, signature in ((1, "s1"), (2, "s2"), (3, "other")):
        with training_run("e", "lstm", seed, signature):
            pass
    with comparison_run("e", "comparison", "c1", ["s1", "s2"], {"verdict": "a tie"}, "Nobody won.") as parent:
        parent.log_metrics({"lstm/accuracy": 0.5})
    children = {
        run.data.tags["signature"] for run in runs() if run.data.tags.get("mlflow.parentRunId") == parent.run_id
    }
    assert children == {"s1", "s2"}


def test_the_latest_comparison_is_one_click_away() -> None:
    assert "latest comparison, side by side" not in pages("e", BY_ACCURACY)
    made = []
    for seed, signature in ((1, "s1"), (2, "s2")):
        with training_run("e", "lstm", seed, signature) as run:
            made.append(run.run_id)
    with comparison_run("e", "comparison", "c1", ["s1", "s2"], {}, "Nobody won."):
        pass
    address = unquote(pages("e", BY_ACCURACY)["latest comparison, side by side"])
    assert address.startswith("compare-runs?runs=")
    assert json.dumps(made) in address


@pytest.mark.parametrize(
    ("metric", "higher_is_better", "ascending"), [("macro_f1", True, "false"), ("loss", False, "true")]
)
def test_the_best_training_comes_first_by_the_chosen_metric(
    metric: str, higher_is_better: bool, ascending: str
) -> None:
    address = unquote(pages("e", Ranking(metric, higher_is_better))["trainings, best first"])
    assert f"orderByKey=metrics.`test_{metric}`&orderByAsc={ascending}&" in address


def compared(signature: str, trainings: Sequence[str]) -> str:
    """The id of the run of a comparison."""
    with comparison_run("e", f"comparison {signature}", signature, trainings, {}, "Nobody won.\n\nBy far.") as run:
        pass
    return run.run_id


def trained(*seeds: int) -> dict[str, str]:
    """Runs by signature."""
    made = {}
    for seed in seeds:
        with training_run("e", "lstm", seed, f"s{seed}") as run:
            made[f"s{seed}"] = run.run_id
    return made


def tags(run_id: str) -> dict[str, str]:
    return dict(open_experiment("e")[0].get_run(run_id).data.tags)


def side_by_side(run_id: str) -> list[str]:
    """The trainings to which a comparison's description leads."""
    (listed,) = re.findall(r"compare-runs\?runs=(\[.*?\])", unquote(tags(run_id)["mlflow.note.content"]))
    return list(json.loads(listed))


def latest() -> list[str]:
    """The trainings of the newest comparison."""
    with connect("e") as mlflow:
        return latest_trainings(mlflow)


def test_a_training_belongs_to_every_comparison_that_used_it_and_keeps_its_first_parent() -> None:
    made = trained(1, 2, 3)
    first, second = compared("c1", ["s1", "s2"]), compared("c2", ["s2", "s3"])
    assert side_by_side(first) == [made["s1"], made["s2"]]
    assert side_by_side(second) == [made["s2"], made["s3"]]
    assert tags(second)["training.s2"] == tags(first)["training.s2"] == made["s2"]
    assert [tags(made[name])["mlflow.parentRunId"] for name in ("s1", "s2", "s3")] == [first, first, second]
    note = tags(second)["mlflow.note.content"]
    assert "1 of the 2 trainings are listed below another one." in note
    assert note.endswith("Nobody won.\n\nBy far.")
    assert latest() == [made["s2"], made["s3"]]
    client, experiment_id = open_experiment("e")
    assert note in client.get_experiment(experiment_id).tags["mlflow.note.content"]


def test_the_same_comparison_once_more_takes_over_the_children_and_so_does_one_after_a_deleted_one() -> None:
    made = trained(1)
    compared("c1", ["s1"])
    again = compared("c1", ["s1"])
    assert tags(made["s1"])["mlflow.parentRunId"] == again
    open_experiment("e")[0].delete_run(again)
    other = compared("c2", ["s1"])
    assert tags(made["s1"])["mlflow.parentRunId"] == other


def test_a_training_that_was_rebuilt_belongs_to_its_comparisons_again() -> None:
    made = trained(1, 2, 3)
    first, second = compared("c1", ["s1", "s2"]), compared("c2", ["s2", "s3"])
    open_experiment("e")[0].delete_run(made["s2"])
    assert latest() == [made["s3"]]
    made |= trained(2)
    with connect("e") as mlflow:
        relink(mlflow, "c2", ["s2", "s3"])
    assert side_by_side(first) == [made["s1"], made["s2"]]
    assert side_by_side(second) == [made["s2"], made["s3"]]
    assert tags(made["s2"])["mlflow.parentRunId"] == first
    assert tags(second)["mlflow.note.content"].endswith("below another one.\n\nNobody won.\n\nBy far.")
    client, experiment_id = open_experiment("e")
    shown = client.get_experiment(experiment_id).tags["mlflow.note.content"]
    assert shown.startswith("[comparison c2: the trainings side by side]")
    assert made["s2"] in shown


def test_a_comparison_that_was_told_before_its_trainings_gets_them_when_they_are_rebuilt() -> None:
    alone = compared("c1", ["s1", "s2"])
    made = trained(1, 2)
    with connect("e") as mlflow:
        relink(mlflow, "c1", ["s1", "s2"])
    assert side_by_side(alone) == list(made.values())
    assert {tags(run_id)["mlflow.parentRunId"] for run_id in made.values()} == {alone}
    assert latest() == list(made.values())


def test_a_comparison_of_more_trainings_than_mlflow_takes_ids_in_one_text_is_whole() -> None:
    (training,) = trained(1).values()
    many = {
        f"s{number}": training for number in range(210)
    }  # MLflow takes 100 tags at once, and texts of 8,000 characters
    with comparison_run("e", "many", "c1", [], {}, "Nobody won.") as run:
        link(run, "many", "c1", many, "Nobody won.")
    recorded = {name: value for name, value in tags(run.run_id).items() if name.startswith("training.")}
    assert recorded == {f"training.{signature}": training for signature in many}
    note = tags(run.run_id)["mlflow.note.content"]
    assert (
        note == "[many: the trainings side by side](#/experiments/1/runs?workflowType=machine_learning)\n\nNobody won."
    )
    assert {run.info.status for run in runs()} == {"FINISHED"}


def test_an_experiment_that_was_deleted_in_mlflows_pages_is_restored_with_its_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = trained(1)
    client, experiment_id = open_experiment("e")
    client.delete_experiment(experiment_id)
    assert open_experiment("e")[1] == experiment_id
    assert capsys.readouterr().err == (
        "warning: the MLflow experiment e had been deleted; it is restored, with its runs\n"
    )
    made |= trained(2)
    assert {run.info.run_id for run in runs()} == set(made.values())
    assert {run.info.status for run in runs()} == {"FINISHED"}
    assert capsys.readouterr().err == ""


def test_a_run_whose_experiment_is_deleted_meanwhile_is_completed_when_it_is_logged_again() -> None:
    with training_run("e", "lstm", 1, "s1") as run:
        client, experiment_id = open_experiment("e")
        client.delete_experiment(experiment_id)
        run.log_metrics({"train_loss": 0.5}, step=1)
    assert [run.info.status for run in runs()] == ["KILLED"]
    with training_run("e", "lstm", 1, "s1", run.provenance) as run:
        run.log_metrics({"train_loss": 0.5}, step=1)
    (logged,) = runs()
    assert logged.data.metrics == {"train_loss": 0.5}
    assert logged.info.status == "FINISHED"


def test_a_rebuilt_run_has_the_times_and_surroundings_of_the_original() -> None:
    original = Provenance(1_000_000, 2_000_000, {"git_commit": "abc", "dvc_stage": "train@lstm-1"})
    with training_run("e", "lstm", 1, "s1", original) as run:
        run.log_epoch({"epoch": 1, "step": 5, "train_loss": 0.5}, {"ended": 1_500_000, "epoch_seconds": 7.0})
    assert run.provenance == original
    (loss,) = run.mlflow.client.get_metric_history(run.run_id, "train_loss")
    assert (loss.step, loss.value, loss.timestamp) == (1, 0.5, 1_500_000)
    assert run.mlflow.client.get_run(run.run_id).data.metrics == {"train_loss": 0.5, "epoch_seconds": 7.0}
    assert run.mlflow.client.get_run(run.run_id).data.tags["restored"] == "true"


def test_the_experiment_opens_in_the_view_for_model_training() -> None:
    client, experiment_id = open_experiment("e")
    assert client.get_experiment(experiment_id).tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_fresh_store_is_made_though_another_process_was_killed_while_it_made_it(store: Path) -> None:
    (store / "mlflow.db").unlink()
    (store / "mlflow.db.part").write_bytes(b"SQLite format 3\0, and not much more")
    client, experiment_id = open_experiment("e")
    assert client.get_experiment(experiment_id).name == "e"
    assert not (store / "mlflow.db.part").exists()


def test_a_store_that_cannot_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:1/x")
    with pytest.raises(TrackingError, match=r"postgresql://127.0.0.1:1/x") as raised:
        open_experiment("e")
    assert "secret" not in str(raised.value)


def test_an_unfinished_run_is_taken_up_again_and_no_point_is_logged_twice() -> None:
    with pytest.raises(KeyboardInterrupt), training_run("e", "lstm", 1, "s1") as run:
        run.log_metrics({"train_loss": 0.5}, step=1)
        raise KeyboardInterrupt
    with training_run("e", "lstm", 1, "s1") as again:
        assert runs()[0].info.status == "RUNNING"
        for step in (1, 2):
            again.log_metrics({"train_loss": 0.5}, step=step)
    assert again.run_id == run.run_id
    assert [run.info.status for run in runs()] == ["FINISHED"]
    points = again.mlflow.client.get_metric_history(run.run_id, "train_loss")
    assert [point.step for point in points] == [1, 2]


def test_a_finished_run_is_taken_up_only_by_a_training_that_goes_on() -> None:
    made = []
    for resumed in (False, True, False):
        with training_run("e", "lstm", 1, "s1", resumed=resumed) as run:
            made.append(run.run_id)
    assert made[0] == made[1] != made[2]


def test_another_working_copy_does_not_take_up_the_run(
    store: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store / 'shared.db'}")
    made = []
    for folder in (store, tmp_path_factory.mktemp("another")):
        monkeypatch.setenv("DVC_ROOT", str(folder))
        with pytest.raises(KeyboardInterrupt), training_run("e", "lstm", 1, "s1") as run:
            made.append(run.run_id)
            raise KeyboardInterrupt
    assert made[0] != made[1]
