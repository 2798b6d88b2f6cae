import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import balanced_accuracy_score, f1_score

from analysis.comparison.metrics import (
    DECISIVE,
    METRICS,
    calibration_bins,
    calibration_error,
    classification_metrics,
    log_losses,
    roc_auc,
)
from config.compare import CompareParams
from core.errors import DataError


def test_metrics_of_a_small_case_are_those_computed_by_hand() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])  # the second is wrong

    metrics = classification_metrics(labels, probabilities, ["negative", "positive"])

    assert metrics["loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean())
    assert metrics["accuracy"] == 0.75
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert metrics["balanced_accuracy"] == (1 / 2 + 2 / 2) / 2
    assert metrics["roc_auc"] == 1.0  # every positive document is more positive than every negative one
    assert metrics["confusion_matrix"] == [[1, 1], [0, 2]]
    assert metrics["classes"]["positive"] == {"precision": pytest.approx(2 / 3), "recall": 1.0, "support": 2}


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    always_70_percent_sure = np.tile([0.7, 0.3], (10, 1))
    right_half_of_the_time = np.array([0, 1] * 5)

    assert calibration_error(right_half_of_the_time, always_70_percent_sure) == pytest.approx(0.2)


def test_a_bin_of_confidence_holds_its_upper_end() -> None:
    bins = calibration_bins(np.array([0, 0]), np.array([[0.6, 0.4], [0.8, 0.2]]), number=5)

    assert bins.documents.tolist() == [1, 1]
    assert bins.confidence == pytest.approx([0.6, 0.8])


def test_roc_auc_is_none_where_a_class_is_absent() -> None:
    probabilities = np.array([[0.5, 0.3, 0.2], [0.2, 0.7, 0.1]])

    assert roc_auc(np.array([0, 1]), probabilities) is None


def test_a_class_that_never_occurs_lowers_neither_macro_f1_nor_balanced_accuracy() -> None:
    metrics = classification_metrics(np.array([0, 1]), np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]), ["a", "b", "c"])

    assert metrics["macro_f1"] == metrics["balanced_accuracy"] == 1.0
    assert metrics["classes"]["c"] == {"precision": 0.0, "recall": 0.0, "support": 0}


def test_a_probability_of_zero_for_the_right_class_costs_much_but_not_infinitely() -> None:
    assert 20 < log_losses(np.array([1]), np.array([[1.0, 0.0]]))[0] < 30


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [(np.empty((0, 2)), "no documents"), (np.array([[np.nan, 0.5]]), "NaN or infinite")],
)
def test_predictions_that_cannot_be_judged_are_refused(probabilities: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        classification_metrics(np.zeros(len(probabilities), int), probabilities, ["a", "b"])


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.96, 0.04], [0.7, 0.2, 0.08, 0.02]])
def test_macro_f1_and_balanced_accuracy_are_scikit_learns(shares: list[float]) -> None:
    rng = np.random.default_rng(1)
    labels = rng.choice(len(shares), 500, p=shares)
    probabilities = rng.dirichlet(np.ones(len(shares)), 500)

    metrics = classification_metrics(labels, probabilities, [str(index) for index in range(len(shares))])

    predicted = probabilities.argmax(axis=1)
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert metrics["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_compare_metric_may_be_every_metric_that_says_who_is_better() -> None:
    allowed = get_args(CompareParams.model_fields["metric"].annotation)

    assert allowed == DECISIVE
    assert {metric.key for metric in METRICS} == {*DECISIVE, "calibration_error"}


@given(st.data(), st.integers(2, 5), st.integers(1, 40))
def test_every_metric_is_json_and_in_its_range_and_ignores_the_order_of_documents(
    data: st.DataObject, classes: int, documents: int
) -> None:
    labels = data.draw(arrays.arrays(np.int32, documents, elements=st.integers(0, classes - 1)))
    scores = data.draw(arrays.arrays(np.float32, (documents, classes), elements=st.floats(0, 1, width=32)))
    probabilities = (scores + 0.01) / (scores + 0.01).sum(axis=1, keepdims=True)
    names = [f"class {index}" for index in range(classes)]

    metrics = classification_metrics(labels, probabilities, names)
    backwards = classification_metrics(labels[::-1], probabilities[::-1], names)

    json.dumps(metrics, allow_nan=False)
    assert all(0 <= metrics[key] <= 1 for key in ("accuracy", "macro_f1", "balanced_accuracy", "calibration_error"))
    assert metrics["roc_auc"] is None or 0 <= metrics["roc_auc"] <= 1
    assert np.sum(metrics["confusion_matrix"]) == documents
    assert metrics["accuracy"] == backwards["accuracy"]
    assert metrics["loss"] == pytest.approx(backwards["loss"])
