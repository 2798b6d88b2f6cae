"""The search for each variant's setting: what it may see, what it leaves, and that it loses and repeats nothing."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from config.params import Params, load
from core.errors import DataError, DivergenceError, TrainingError
from core.paths import RAW, TOKENS, TUNED
from models.training.fit import fit
from outputs.token_files import open_splits
from outputs.trained_model import read_config
from pipelines import trial
from pipelines.evaluate import evaluate
from pipelines.match import match
from pipelines.settings import train_under
from pipelines.train import train
from pipelines.trial import Plan, resolve
from pipelines.tune import run_trials, tune
from tests.pipelines.project import change_params, enter
from tracking import trials_from_outputs, tuning_from_outputs
from tracking.connection import connect

TRIALS = 3


@pytest.fixture(autouse=True)
def project(tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of its own."""
    folder = Path(shutil.copytree(tuned, tmp_path / "project"))
    enter(folder, monkeypatch)
    return folder


def written(variant: str = "lstm") -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((TUNED / variant).iterdir())}


def trials_of(variant: str = "lstm") -> list[dict[str, Any]]:
    trials_read: list[dict[str, Any]] = json.loads((TUNED / variant / "trials.json").read_text())["trials"]
    return trials_read


def forget_trials() -> None:
    shutil.rmtree("trials")
    shutil.rmtree("checkpoints")


def changed(**values: Any) -> Params:
    change_params(Path(), {name.replace("__", "."): value for name, value in values.items()})
    return load()


def test_all_trials_and_the_best_setting_of_each_seed_are_written() -> None:
    assert set(written()) == {"seed-1.json", "seed-2.json", "trials.json"}
    trials = trials_of()
    assert [each["number"] for each in trials] == list(range(TRIALS))
    best = max(trials, key=lambda each: (each["scores"]["accuracy"], -each["scores"]["loss"]))
    assert json.loads(written()["seed-1.json"]) == json.loads(written()["seed-2.json"]) == best["setting"]
    assert len(trials[0]["history"]) == 1


def test_a_training_uses_the_chosen_setting_and_depends_on_nothing_else_of_the_search() -> None:
    train(load(), "lstm", 1)
    config = read_config(Path("results/lstm/seed-1"))
    chosen = json.loads(written()["seed-1.json"])
    assert (config["train"]["learning_rate"], config["variant"]["pooling"]) == tuple(chosen.values())
    (TUNED / "lstm" / "trials.json").unlink()
    train(changed(compare__tuning__trials=TRIALS + 5), "lstm", 1)
    assert read_config(Path("results/lstm/seed-1")) == config


def test_a_search_never_needs_the_test_split_and_cannot_open_it() -> None:
    before = written()
    forget_trials()
    for path in (TOKENS / "test.arrow", RAW / "test.parquet"):
        path.write_bytes(b"closed")
    tune(load(), "lstm")
    assert written() == before
    tokens = resolve(load(), Plan("lstm", {}, 2**32), Path())["tokens"]
    assert set(tokens) == {"train.arrow", "validation.arrow"}
    with pytest.raises(DataError, match=r"^this training may not read the test split$"):
        open_splits(["test"], tokens)


def test_seeds_of_trials_are_new_in_each_trial_and_none_can_be_a_final_seed() -> None:
    seeds = [each["seed"] for each in trials_of()]
    assert len(set(seeds)) == TRIALS
    assert min(seeds) >= 2**32  # compare.seeds end below


def test_variants_that_differ_by_name_alone_get_the_same_search() -> None:
    """Equal budget, settings and seeds: an A/A comparison has nothing to tell apart."""
    of_lstm, of_twin = (
        [{key: value for key, value in each.items() if key not in ("variant", "signature")} for each in trials_of(name)]
        for name in ("lstm", "twin")
    )
    assert of_lstm == of_twin
    assert written("lstm")["seed-1.json"] == written("twin")["seed-1.json"]


def fail(*_: object, **__: object) -> None:
    raise AssertionError("a trial was repeated")


def test_no_trial_is_repeated_also_with_more_of_them_or_another_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    before = trials_of()
    monkeypatch.setattr("models.training.building.fit", fail)
    tune(load(), "lstm")
    tune(changed(compare__metric="loss"), "lstm")
    chosen = min(before, key=lambda each: each["scores"]["loss"])
    assert json.loads(written()["seed-1.json"]) == chosen["setting"]
    with pytest.raises(AssertionError, match="repeated"):
        tune(changed(compare__tuning__trials=TRIALS + 1), "lstm")
    assert trials_of() == before


def test_a_search_that_was_stopped_goes_on_and_ends_with_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = written()
    forget_trials()
    with monkeypatch.context() as patch:
        first = iter([fit])

        def stop(*arguments: Any, **named: Any) -> None:
            for real in first:
                real(*arguments, **named)
                return
            raise KeyboardInterrupt

        patch.setattr("models.training.building.fit", stop)
        with pytest.raises(KeyboardInterrupt):
            tune(load(), "lstm")
    assert len(list(Path("trials").iterdir())) == 1
    tune(load(), "lstm")
    assert written() == before


def test_trials_in_any_order_give_the_same_bytes() -> None:
    before = written()
    forget_trials()
    for number in reversed(range(TRIALS)):
        run_trials(load(), "lstm", 0, [number])
    tune(load(), "lstm")
    assert written() == before


def test_a_trial_whose_loss_is_not_finite_counts_and_the_search_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [each["scores"] for each in trials_of()]
    forget_trials()
    real = fit
    worst = trials_of()[0]["seed"]

    def diverge(*arguments: Any, seed: int, **named: Any) -> None:
        if seed == worst:
            raise DivergenceError("the loss is nan")
        real(*arguments, seed=seed, **named)

    monkeypatch.setattr("models.training.building.fit", diverge)
    tune(load(), "lstm")
    first, *others = trials_of()
    assert first["error"] == "the loss is nan"
    assert "scores" not in first
    assert [each["scores"] for each in others] == expected[1:]
    client = MlflowClient(f"sqlite:///{Path('mlflow.db').resolve()}")
    (run,) = client.search_runs(["1"], f"tags.signature = '{first['signature']}'", max_results=1)
    assert run.info.status == "FAILED"


def test_a_search_without_any_sound_trial_ends_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_trials()

    def diverge(*_: Any, **__: Any) -> None:
        raise DivergenceError("the loss is nan")

    monkeypatch.setattr("models.training.building.fit", diverge)
    with pytest.raises(TrainingError, match=r"^none of the 3 trials of lstm could be trained; the last one: the loss"):
        tune(load(), "lstm")


def test_with_repeats_each_seed_has_a_search_of_its_own() -> None:
    tune(changed(compare__tuning__repeats=2, compare__tuning__trials=2), "lstm")
    search = json.loads(written()["trials.json"])
    settings = [each["setting"] for each in search["trials"]]
    assert [each["search"] for each in search["trials"]] == [0, 0, 1, 1]
    assert [number // 2 for number in search["chosen"]] == [0, 1]
    for seed, number in zip((1, 2), search["chosen"], strict=True):
        assert json.loads(written()[f"seed-{seed}.json"]) == settings[number]
    assert settings[:2] != settings[2:]


def test_trials_on_fewer_documents_see_the_same_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = fit

    def note(trainer: Any, module: Any, documents: Any, *rest: Any, **named: Any) -> None:
        seen.append(hashlib.sha256(documents.batch(range(len(documents.lengths)))[0].tobytes()).hexdigest())
        assert len(documents.lengths) == 16
        real(trainer, module, documents, *rest, **named)

    monkeypatch.setattr("models.training.building.fit", note)
    tune(changed(compare__tuning__documents=16), "lstm")
    assert len(seen) == TRIALS
    assert len(set(seen)) == 1
    assert {each["documents"] for each in trials_of()} == {16}


def test_without_a_search_nothing_is_trained_and_the_setting_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "run", fail)
    tune(changed(compare__tuning__trials=0), "lstm")
    assert written() == {"seed-1.json": "{}\n", "seed-2.json": "{}\n"}


def test_in_mlflow_the_trials_are_children_of_the_search_with_params_curve_and_state() -> None:
    with connect("lstm-vs-bilstm") as mlflow:
        assert tuning_from_outputs.complete(mlflow, "lstm")
        assert not tuning_from_outputs.complete(mlflow, "lstm")
    client = MlflowClient(f"sqlite:///{Path('mlflow.db').resolve()}")
    (parent,) = client.search_runs(["1"], "tags.kind = 'tuning'")
    children = client.search_runs(["1"], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    trials = {each["signature"]: each for each in trials_of()}
    assert {run.data.tags["signature"] for run in children} == set(trials)
    for run in children:
        outcome = trials[run.data.tags["signature"]]
        assert run.data.params["learning_rate"] == str(outcome["setting"]["learning_rate"])
        assert run.data.params["pooling"] == outcome["setting"]["pooling"]
        assert run.data.metrics["best_validation_accuracy"] == outcome["scores"]["accuracy"]
        assert len(client.get_metric_history(run.info.run_id, "validation_loss")) == len(outcome["history"])
        assert run.info.status == "FINISHED"
    assert "side by side" in parent.data.tags["mlflow.note.content"]


def test_runs_of_a_lost_store_are_rebuilt() -> None:
    Path("mlflow.db").unlink()
    with connect("lstm-vs-bilstm") as mlflow:
        assert tuning_from_outputs.complete(mlflow, "lstm")
    client = MlflowClient(f"sqlite:///{Path('mlflow.db').resolve()}")
    runs = client.search_runs(["1"], "tags.kind = 'trial'")
    assert {run.data.tags["signature"] for run in runs} == {each["signature"] for each in trials_of()}
    assert all("best_validation_accuracy" in run.data.metrics for run in runs)


def test_a_training_under_a_listed_setting_is_the_one_that_params_with_that_setting_give() -> None:
    params = changed(
        compare__tuning__trials=0, compare__settings=[{"pooling": "mean", "learning_rate": 0.01}], compare__seeds=[1]
    )
    train_under(params, "lstm", 0)
    changes = {"lstm": params.variants["lstm"].model_copy(update={"pooling": "mean"})}
    train_params = params.train.model_copy(update={"learning_rate": 0.01})
    params = params.model_copy(update={"variants": params.variants | changes, "train": train_params})
    match(params)
    tune(params, "lstm")
    train(params, "lstm", 1)
    evaluate(params, "lstm", 1)
    under = Path("data/settings/lstm-setting0/seed-1.parquet").read_bytes()
    assert under == Path("results/lstm/seed-1/predictions.parquet").read_bytes()
    assert Path("data/evaluated/lstm-setting0.sha256").read_text().count("\n") == 2


def test_settings_that_give_the_same_values_share_a_training_and_stay_as_they_were_listed() -> None:
    rate = load().train.learning_rate
    settings = [{"pooling": "mean"}, {"pooling": "mean", "learning_rate": rate}]
    params = changed(compare__tuning__trials=0, compare__settings=settings, compare__seeds=[1])
    for number in range(2):
        train_under(params, "lstm", number)
    outcomes = [json.loads(Path(f"data/settings/lstm-setting{number}/seed-1.json").read_text()) for number in range(2)]
    assert [outcome.pop("setting") for outcome in outcomes] == settings
    assert outcomes[0] == outcomes[1]


def test_a_search_over_one_more_key_goes_on_from_trials_that_lacked_it() -> None:
    space = {"learning_rate": [0.001, 0.003]}
    for more in ({}, {"head_dropout": [0.0, 0.3]}):
        params = changed(compare__tuning__space=space | more, compare__tuning__trials=6, compare__seeds=[1])
        tune(params, "lstm")
        assert all(set(each["setting"]) == set(space | more) for each in trials_of())


def test_trainings_under_listed_settings_are_sent_to_a_store_that_lacks_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    params = changed(compare__settings=[{"pooling": "mean"}], compare__seeds=[1])
    for variant in params.compare.variants:
        train_under(params, variant, 0)
    other = f"sqlite:///{Path('other.db').resolve()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other)
    with connect("lstm-vs-bilstm") as mlflow:
        titles = list(trials_from_outputs.complete_settings(mlflow, params))
        assert list(trials_from_outputs.complete_settings(mlflow, params)) == []
    assert titles == [f"{variant} · seed 1 · pooling mean" for variant in params.compare.variants]
    client = MlflowClient(other)
    runs = client.search_runs(["1"], "tags.kind = 'setting'")
    outcomes = {
        variant: json.loads(Path(f"data/settings/{variant}-setting0/seed-1.json").read_text())
        for variant in params.compare.variants
    }
    assert {run.info.run_name: run.data.metrics["test_accuracy"] for run in runs} == {
        title: outcomes[variant]["scores"]["accuracy"]
        for title, variant in zip(titles, params.compare.variants, strict=True)
    }
    for run in runs:
        history = outcomes[run.data.tags["variant"]]["history"]
        assert len(client.get_metric_history(run.info.run_id, "validation_loss")) == len(history)
        assert run.data.params["pooling"] == "mean"
        assert run.info.status == "FINISHED"
