"""How variants stand to the linear model: differences and intervals on made-up predictions."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from analysis.comparison.differences import compare
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import METRICS
from analysis.comparison.standing import LINEAR, MAJORITY, Reference, Standing, is_weak, stand

Floats = npt.NDArray[np.float32]


def as_probabilities(correct: npt.NDArray[np.bool_], labels: npt.NDArray[np.int64]) -> Floats:
    """0.9 for the right class, or the wrong one of two, (..., n, 2)."""
    right = np.where(correct, 0.9, 0.1)
    return np.stack([np.where(labels == index, right, 1 - right) for index in (0, 1)], axis=-1).astype(np.float32)


def draw(
    rng: np.random.Generator, seeds: int, documents: int, gain: float = 0.0, seed_spread: float = 0.05
) -> tuple[Experiment, list[Reference]]:
    """A variant whose seeds differ, and a linear model; either finds some of the other's documents hard, too."""
    labels = rng.integers(0, 2, documents)
    common = rng.standard_normal(documents)
    level = 1 + gain + seed_spread * rng.standard_normal((seeds, 1))
    correct = common + 0.7 * rng.standard_normal((seeds, documents)) < level  # (seeds, n)
    linear = common + 0.7 * rng.standard_normal(documents) < 1  # (n,)
    experiment = Experiment(
        data="made up", classes=["no", "yes"], variants=["lstm"], baseline="lstm", seeds=list(range(seeds)),
        labels=labels, probabilities=as_probabilities(correct, labels)[None], histories=[], parameters={},
        matching="hidden_size", hidden_sizes={}, costs={"lstm": []}, columns={}, documents=[], metric=METRICS[0],
    )  # fmt: skip
    shares = np.tile(np.array([0.4, 0.6], np.float32), (documents, 1))
    references = [Reference(MAJORITY, shares, 0, {}), Reference(LINEAR, as_probabilities(linear, labels), 9, {})]
    return experiment, references


def draw_standing(random_state: int, **settings: float) -> tuple[Experiment, Standing]:
    rng = np.random.default_rng(random_state)
    experiment, references = draw(rng, seeds=3, documents=400, **settings)
    return experiment, stand(experiment, references)


def test_values_are_those_of_the_predictions() -> None:
    experiment, standing = draw_standing(1)

    linear = standing.references[LINEAR].probabilities
    accuracy = float((linear.argmax(axis=1) == experiment.labels).mean())
    score = standing.scores[LINEAR]["accuracy"]
    assert score.mean == accuracy and score.deviation is None
    wilson = stats.binomtest(round(400 * accuracy), 400).proportion_ci(method="wilson")
    assert (score.low, score.high) == pytest.approx((wilson.low, wilson.high), abs=1e-3)
    assert standing.scores[MAJORITY]["accuracy"].mean == pytest.approx((experiment.labels == 1).mean())
    gap = standing.gaps["lstm"]["accuracy"]
    assert gap.value == pytest.approx(experiment.correct.mean() - accuracy)
    assert gap.low < gap.value < gap.high
    assert set(standing.gaps["lstm"]) == set(standing.scores[LINEAR])


def test_with_one_seed_the_difference_is_that_of_two_trainings() -> None:
    experiment, references = draw(np.random.default_rng(2), seeds=1, documents=300)
    both = np.stack([experiment.probabilities[0], references[1].probabilities[None]])
    two = replace(
        experiment, variants=["linear", "lstm"], baseline="linear", probabilities=both[::-1], costs={},
    )  # fmt: skip

    gap = stand(experiment, references).gaps["lstm"]["accuracy"]

    expected = compare(two).differences["lstm"]["accuracy"]
    assert (gap.value, gap.low, gap.high, gap.p_value) == pytest.approx(
        (expected.value, expected.low, expected.high, expected.p_value)
    )


def test_seeds_that_spread_make_the_interval_wider() -> None:
    def width(seed_spread: float) -> float:
        gaps = [draw_standing(state, seed_spread=seed_spread)[1].gaps["lstm"]["accuracy"] for state in range(10)]
        return float(np.mean([gap.high - gap.low for gap in gaps]))

    assert width(0.5) > 2 * width(0.0)


def test_equal_models_are_seldom_called_different_and_a_worse_one_mostly() -> None:
    equal = [draw_standing(state)[1].gaps["lstm"]["accuracy"].p_value < 0.05 for state in range(150)]
    worse = [draw_standing(state, gain=-0.8)[1].gaps["lstm"]["accuracy"].high < 0 for state in range(25)]

    assert np.mean(equal) < 0.08
    assert np.mean(worse) > 0.9


def test_a_linear_model_that_answers_the_majority_class_is_weak() -> None:
    experiment, (majority, linear) = draw(np.random.default_rng(3), seeds=2, documents=300)

    assert not is_weak(stand(experiment, [majority, linear]))
    assert is_weak(stand(experiment, [majority, replace(linear, probabilities=majority.probabilities)]))
