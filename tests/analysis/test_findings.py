"""Each rule that makes a verdict begin with a warning: what sets it off, what does not, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.comparison.differences import Comparison, Difference, Score
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import METRICS
from analysis.comparison.standing import Gap, Standing
from analysis.verdict.findings import (
    Settings,
    below_linear,
    chosen_epoch,
    did_not_learn,
    is_improving,
    is_past_its_best,
    large_difference,
    not_converged,
    overfit,
)
from analysis.verdict.soundness import examine
from config.train import TrainParams
from config.variants import VariantParams

VARIANTS = ["lstm", "bilstm"]
History = list[dict[str, float]]


def history(
    validation_loss: Sequence[float],
    validation_accuracy: float | Sequence[float] = 0.85,
    train_accuracy: float | Sequence[float] = 0.88,
    train_loss: float | Sequence[float] = 0.3,
) -> History:
    """Epochs with these values; a number stands for the same in each epoch."""
    given: dict[str, Any] = {
        "validation_loss": validation_loss,
        "validation_accuracy": validation_accuracy,
        "train_accuracy": train_accuracy,
        "train_loss": train_loss,
    }
    epochs = len(validation_loss)
    columns = {key: [values] * epochs if isinstance(values, float) else values for key, values in given.items()}
    return [
        {"epoch": epoch + 1, "step": 500 * (epoch + 1), **{key: values[epoch] for key, values in columns.items()}}
        for epoch in range(epochs)
    ]


SOUND = history([0.5, 0.4, 0.398, 0.402])


def make_settings(train: Mapping[str, Any] | None = None, share_unknown: float = 0.03, **variant: Any) -> Settings:
    model = VariantParams.model_validate({"cell": "lstm", "initialization": "keras", "pooling": "max", **variant})
    return Settings(
        variants={name: model.model_dump() for name in VARIANTS},
        train=TrainParams.model_validate(train or {}).model_dump(),
        share_unknown=share_unknown,
        vectors=False,
    )


def make_experiment(histories: Sequence[Sequence[History]] = ((SOUND,) * 3,) * 2, seeds: int = 3) -> Experiment:
    return Experiment(
        data="made up", classes=["no", "yes"], variants=VARIANTS, baseline="lstm", seeds=list(range(1, seeds + 1)),
        labels=np.arange(1000) % 2, probabilities=np.zeros((2, seeds, 0, 2), np.float32), histories=histories,
        parameters={}, matching="hidden_size", hidden_sizes={}, costs={}, columns={}, documents=[], metric=METRICS[0],
    )  # fmt: skip


def make_comparison(values: Mapping[str, Sequence[float]], gain: float = 0.01) -> Comparison:
    scores = {
        name: dict.fromkeys(
            ("accuracy", "balanced_accuracy"), Score(list(found), float(np.mean(found)), 0.002, 0.8, 0.9)
        )
        for name, found in values.items()
    }
    difference = Difference(gain, gain - 0.005, gain + 0.005, 0.001, 0.001, 0.005, 0.9, 3, 3)
    return Comparison(scores, {"bilstm": {"accuracy": difference}}, {}, {})


def make_standing(lstm: Gap, bilstm: Gap) -> Standing:
    linear = Score([0.84], 0.84, None, 0.82, 0.86)
    gaps = {"lstm": {"accuracy": lstm}, "bilstm": {"accuracy": bilstm}}
    return Standing({}, {"linear": {"accuracy": linear}}, gaps)


ABOVE = Gap(0.01, -0.002, 0.022, 0.1)
GOOD = make_comparison({"lstm": [0.85] * 3, "bilstm": [0.86] * 3})


def by_variant(lstm: History, bilstm: History, seeds: int = 3) -> dict[str, Sequence[History]]:
    return {"lstm": [lstm] * seeds, "bilstm": [bilstm] * seeds}


def test_well_trained_variants_above_the_linear_model_are_sound() -> None:
    soundness = examine(make_experiment(), GOOD, make_standing(ABOVE, ABOVE), make_settings())

    assert soundness.findings == []
    assert soundness.preface == ""
    assert set(map(len, soundness.by_kind().values())) == {0}


def test_the_gravest_finding_comes_first() -> None:
    runs = ((history([0.5, 0.4]),) * 3,) * 2
    standing = make_standing(Gap(-0.02, -0.03, -0.01, 0.001), ABOVE)

    soundness = examine(make_experiment(runs), GOOD, standing, make_settings())

    assert [finding.kind for finding in soundness.findings] == ["below_linear", "not_converged"]
    assert soundness.preface == (
        "Do not rely on this comparison yet: lstm (85.0 %) does worse than a simple linear model that only counts "
        "words and pairs of words (84.0 % test accuracy); lstm and bilstm were still improving in the last epoch."
    )
    assert soundness.by_kind()["not_converged"] == ["lstm", "bilstm"]


# ---- below the linear model


@pytest.mark.parametrize(
    ("gap", "found"),
    [
        (Gap(-0.01, -0.015, -0.005, 0.001), True),  # small, but clear
        (Gap(-0.02, -0.05, 0.01, 0.2), False),  # may be chance
        (Gap(-0.17, -0.6, 0.26, 0.2), True),  # so few seeds are sure of nothing, and yet
        (Gap(0.02, 0.01, 0.03, 0.001), False),
    ],
)
def test_a_variant_is_below_the_linear_model_clearly_or_by_far(gap: Gap, found: bool) -> None:
    finding = below_linear(make_experiment(), GOOD, make_standing(ABOVE, gap), make_settings())

    assert (finding.variants if finding else []) == (["bilstm"] if found else [])


def test_advice_names_what_is_not_set_yet() -> None:
    standing = make_standing(Gap(-0.05, -0.06, -0.04, 0.001), ABOVE)

    def advice(settings: Settings) -> str:
        finding = below_linear(make_experiment(), GOOD, standing, settings)
        assert finding is not None
        return finding.advice

    plain = advice(make_settings(initialization="pytorch", pooling="last"))
    assert "initialization: keras, pooling: max, head_dropout and embedding_dropout" in plain
    tuned = advice(make_settings({"early_stopping": 3}, head_dropout=0.5))
    assert "keras" not in tuned and "pooling" not in tuned and "dropout" not in tuned and "epochs" not in tuned


# ---- not converged


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (history([0.6, 0.5, 0.4]), True),
        (history([0.6, 0.4, 0.395]), False),  # 1 %
        (history([0.6, 0.4, 0.45]), False),  # past its best
        (history([0.012, 0.006, 0.003]), False),  # near 0 half is nothing
        (history([0.6, 0.4, 0.41], validation_accuracy=[0.8, 0.82, 0.84]), True),
        (history([0.6, 0.4, 0.41], validation_accuracy=[0.8, 0.84, 0.845]), False),
    ],
)
def test_a_training_has_not_converged_if_its_last_epoch_still_improved_it(last: History, found: bool) -> None:
    finding = not_converged(make_settings(), by_variant(SOUND, last))

    assert (finding.variants if finding else []) == (["bilstm"] if found else [])


def test_convergence_is_judged_by_the_mean_over_seeds() -> None:
    improving, worse = history([0.6, 0.5, 0.48]), history([0.6, 0.5, 0.52])

    assert is_improving([improving, improving])
    assert not is_improving([improving, worse])


def test_one_epoch_shows_no_convergence() -> None:
    finding = not_converged(
        make_settings({"max_seconds": 9.0, "schedule": "constant"}), by_variant(history([0.4]), history([0.4]))
    )

    assert finding is not None
    assert finding.words.startswith("lstm and bilstm were trained for one epoch, too few")
    assert "raise train.max_seconds" in finding.advice


# ---- overfit


def test_a_variant_overfits_if_it_reads_training_documents_much_better() -> None:
    far = history([0.5, 0.45, 0.46], train_accuracy=[0.8, 0.97, 0.99])
    near = history([0.5, 0.45, 0.46], train_accuracy=[0.8, 0.94, 0.99])

    finding = overfit(make_settings(), by_variant(near, far))

    assert finding is not None and finding.variants == ["bilstm"]
    assert finding.words == "bilstm overfits: it fits its training documents much better than new ones"
    assert "(bilstm 97.0 % right in training, 85.0 in validation)" in finding.advice


def test_the_epoch_that_gave_the_weights_is_that_of_the_monitor() -> None:
    line = history([0.5, 0.4, 0.6], validation_accuracy=[0.8, 0.84, 0.86])

    assert chosen_epoch(line, "validation_loss") == 1
    assert chosen_epoch(line, "validation_accuracy") == 2


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ([0.4, 0.42, 0.45, 0.5, 0.6, 0.7], True),
        ([0.6, 0.5, 0.45, 0.4, 0.5, 0.6], False),  # in the second half
        ([0.4, 0.5, 0.6], False),  # early stopping ended it
        ([0.4, 0.41, 0.42, 0.42, 0.43, 0.44], False),  # hardly worse
    ],
)
def test_a_variant_overfits_if_it_was_best_long_before_the_end(losses: list[float], found: bool) -> None:
    line = history(losses)

    assert is_past_its_best(line, chosen_epoch(line, "validation_loss")) == found
    finding = overfit(make_settings(), by_variant(SOUND, line))
    assert (finding.variants if finding else []) == (["bilstm"] if found else [])


# ---- large differences


def test_a_large_difference_from_a_bad_start_is_warned_of() -> None:
    comparison = make_comparison({"lstm": [0.72] * 3, "bilstm": [0.9] * 3}, gain=0.18)
    settings = make_settings(initialization="pytorch", pooling="last")

    (finding,) = examine(make_experiment(), comparison, make_standing(ABOVE, ABOVE), settings).findings

    assert finding.kind == "large_difference"
    assert "+18.0 points of bilstm" in finding.words
    assert "initialization: pytorch" in finding.advice and "pooling: last" in finding.advice


@pytest.mark.parametrize(
    ("gain", "settings", "gap", "found"),
    [
        (0.02, make_settings(initialization="pytorch"), ABOVE, False),
        (0.04, make_settings(), ABOVE, False),
        (-0.04, make_settings(initialization="pytorch"), ABOVE, True),
        (0.04, replace(make_settings(initialization="pytorch"), vectors=True), ABOVE, False),
        (0.04, make_settings(pooling="last"), ABOVE, True),
        (0.04, make_settings(), Gap(-0.01, -0.03, 0.01, 0.3), True),
    ],
)
def test_a_large_difference_needs_a_reason_to_be_doubted(
    gain: float, settings: Settings, gap: Gap, found: bool
) -> None:
    comparison = make_comparison({"lstm": [0.85] * 3, "bilstm": [0.9] * 3}, gain)

    assert (large_difference(comparison, make_standing(gap, ABOVE), settings) is not None) == found


# ---- did not learn


def failed(settings: Settings, line: History) -> tuple[str, str]:
    comparison = make_comparison({"lstm": [0.85] * 3, "bilstm": [0.5, 0.85, 0.503]})
    finding = did_not_learn(make_experiment(), comparison, settings, by_variant(SOUND, line))
    assert finding is not None and finding.variants == ["bilstm"]
    return finding.words, finding.advice


STUCK = history([0.69, 0.69], train_loss=0.692)


@pytest.mark.parametrize(
    ("settings", "line", "reason"),
    [
        (make_settings(share_unknown=0.62), STUCK, "62% of the test tokens are unknown"),
        (make_settings({"learning_rate": 0.03}), STUCK, "a learning rate of 0.03 is high"),
        (make_settings({"learning_rate": 1e-5}), STUCK, "a learning rate of 1e-05 is low"),
        (make_settings(), STUCK[:1] * 1, "try initialization: keras"),
        (make_settings(), [{**STUCK[0], "step": 12}], "in 12 steps, which are few"),
        (make_settings(), history([0.9, 0.9], train_loss=0.1), "It learned its training documents, but nothing"),
        (make_settings(), history([0.6, 0.3], train_loss=0.3), "It began to learn"),
    ],
)
def test_trainings_that_did_not_learn_are_named_with_a_likely_reason(
    settings: Settings, line: History, reason: str
) -> None:
    words, advice = failed(settings, line)

    assert words == "bilstm did not learn with seeds 1 and 3"
    assert reason in advice


def test_where_all_documents_are_of_one_class_nothing_can_fail() -> None:
    experiment = replace(make_experiment(), labels=np.zeros(50, np.int64))
    comparison = make_comparison({"lstm": [1.0] * 3, "bilstm": [1.0] * 3})

    assert did_not_learn(experiment, comparison, make_settings(), by_variant(SOUND, SOUND)) is None


# ---- what was not varied


def test_what_was_not_varied_is_named_once_where_variants_share_it_and_for_each_where_they_do_not() -> None:
    settings = make_settings(head_dropout=0.5)
    different = {**settings.variants, "bilstm": {**settings.variants["bilstm"], "pooling": "last"}}

    said = examine(make_experiment(), GOOD, make_standing(ABOVE, ABOVE), replace(settings, variants=different)).setting

    assert "initialization keras" in said
    assert "pooling max (lstm) and last (bilstm)" in said
    assert "head dropout 0.5, learning rate 0.003 (linear), 4 epochs" in said
    assert "Only the seed was varied" in said


def test_the_epochs_that_gave_the_weights_are_named_where_they_were_not_the_last_ones() -> None:
    histories = by_variant(history([0.9, 0.6, 0.7, 0.8]), history([0.9, 0.6, 0.5, 0.7]))
    experiment = make_experiment(list(histories.values()))

    said = examine(experiment, GOOD, make_standing(ABOVE, ABOVE), make_settings()).setting

    assert "4 epochs (the best one gives the weights: 2 to 3)" in said


def test_a_training_that_finds_the_small_class_has_learned_whatever_its_accuracy() -> None:
    experiment = replace(make_experiment(), labels=(np.arange(1000) % 10 == 0).astype(int))
    comparison = make_comparison({"lstm": [0.95] * 3, "bilstm": [0.88, 0.9, 0.95]})
    scores = comparison.scores["bilstm"]
    scores["balanced_accuracy"] = replace(scores["balanced_accuracy"], values=[0.85, 0.51, 0.9])

    finding = did_not_learn(experiment, comparison, make_settings(), by_variant(SOUND, SOUND))

    assert finding is not None
    assert (finding.variants, finding.words) == (["bilstm"], "bilstm did not learn with seed 2")
