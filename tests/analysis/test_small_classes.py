"""When the report says that accuracy hides what happens to small classes, and when it has no reason to."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.comparison.differences import compare
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import metric_named
from analysis.verdict.small_classes import warnings
from tests.analysis.test_comparison import make_experiment

DOCUMENTS = 2000


def experiment(small: int, recalls: dict[str, tuple[float, float]]) -> Experiment:
    """Two classes, of which "yes" has `small` of 2,000 documents; by variant the recall of "no" and of "yes"."""
    rng = np.random.default_rng(1)
    labels = (np.arange(DOCUMENTS) < small).astype(int)
    draws = rng.random((len(recalls), 5, DOCUMENTS))
    shares = np.array(list(recalls.values()))[:, labels]  # (variants, n)
    own = np.where(draws < shares[:, None], 0.9, 0.1)  # (variants, seeds, n): of the right class's probability
    complete = make_experiment(own, list(recalls))
    probabilities = np.where(labels[:, None] == [0, 1], own[..., None], 1 - own[..., None]).astype(np.float32)
    return replace(complete, labels=labels, probabilities=probabilities)


def warn(compared: Experiment) -> list[str]:
    return warnings(compared, compare(compared))


def test_a_difference_that_only_a_metric_by_class_finds_is_named_with_the_advice() -> None:
    compared = experiment(200, {"lstm": (0.96, 0.6), "bilstm": (0.94, 0.78)})
    comparison = compare(compared)
    assert comparison.differences["bilstm"]["accuracy"].p_value_corrected > 0.05

    (sentence,) = warnings(compared, comparison)

    gap = comparison.differences["bilstm"]["macro_f1"]
    assert gap.p_value_corrected < 0.05
    assert sentence.startswith("Accuracy hides a difference: in macro F1 bilstm is better than lstm, +")
    assert sentence.endswith("set compare.metric: macro_f1.")
    assert warn(replace(compared, baseline="bilstm"))[0].startswith(
        "Accuracy hides a difference: in macro F1 lstm is worse than bilstm, −"
    )


def test_a_small_class_that_is_missed_is_named_with_the_worst_variant() -> None:
    compared = experiment(60, {"lstm": (0.99, 0.2), "bilstm": (0.99, 0.3)})

    (sentence,) = [sentence for sentence in warn(compared) if "a small class" in sentence]

    recall = 100 * compared.correct[0][:, compared.labels == 1].mean()
    assert sentence.startswith(
        f"Accuracy hides a small class: lstm recognizes {recall:.0f} % of the 60 documents of yes, "
        "but 97 % of all 2,000. "
    )
    assert sentence.endswith("set compare.metric: macro_f1 or balanced_accuracy.")


def test_a_difference_that_only_accuracy_finds_is_one_of_the_large_classes() -> None:
    compared = experiment(40, {"lstm": (0.94, 0.8), "bilstm": (0.95, 0.75)})
    comparison = compare(compared)
    assert comparison.differences["bilstm"]["accuracy"].p_value_corrected < 0.05
    assert comparison.differences["bilstm"]["macro_f1"].p_value_corrected > 0.05

    (sentence,) = warnings(compared, comparison)

    assert sentence.startswith("That bilstm is better than lstm holds for accuracy, in which large classes count most.")
    assert "it is unclear: " in sentence


@pytest.mark.parametrize(
    ("small", "recalls"),
    [
        (900, {"lstm": (0.95, 0.3), "bilstm": (0.95, 0.3)}),  # no small class
        (200, {"lstm": (0.9, 0.85), "bilstm": (0.9, 0.85)}),  # it is recognized like the other
        (3, {"lstm": (0.99, 0.0), "bilstm": (0.99, 0.0)}),  # so few documents say nothing
        (200, {"lstm": (0.80, 0.7), "bilstm": (0.95, 0.9)}),  # accuracy finds it, too
    ],
)
def test_nothing_is_said_where_accuracy_hides_nothing(small: int, recalls: dict[str, tuple[float, float]]) -> None:
    assert warn(experiment(small, recalls)) == []


def test_nothing_is_said_where_another_metric_decides() -> None:
    compared = experiment(60, {"lstm": (0.99, 0.2), "bilstm": (0.99, 0.3)})

    assert warn(compared)
    assert warn(replace(compared, metric=metric_named("macro_f1"))) == []
