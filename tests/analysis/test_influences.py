import numpy as np
import pytest

from analysis.comparison.influences import covariance, document_influences
from analysis.comparison.metrics import METRICS, classification_metrics

DOCUMENTS = 400


def predictions(classes: int, random_state: int, skew: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,), and the probabilities of two trainings (2, n, classes) that find the same documents hard.

    Each class has `skew` times the documents of the one before it.
    """
    rng = np.random.default_rng(random_state)
    shares = skew ** np.arange(classes)
    labels = rng.choice(classes, DOCUMENTS, p=shares / shares.sum())
    scores = rng.normal(size=(DOCUMENTS, classes)) + 0.7 * rng.normal(size=(2, DOCUMENTS, classes))
    scores[:, np.arange(DOCUMENTS), labels] += 1.5
    weights = np.exp(scores)
    return labels, weights / weights.sum(axis=2, keepdims=True)


@pytest.mark.parametrize(("classes", "skew"), [(2, 0.25), (3, 0.5)])
def test_covariances_are_those_of_the_bootstrap_over_documents(classes: int, skew: float) -> None:
    labels, probabilities = predictions(classes, random_state=1, skew=skew)
    names = [str(index) for index in range(classes)]
    rng = np.random.default_rng(2)
    draws: dict[str, list[list[float]]] = {metric.key: [] for metric in METRICS}
    for _ in range(120):
        sample = rng.integers(0, DOCUMENTS, DOCUMENTS)
        runs = [classification_metrics(labels[sample], run[sample], names) for run in probabilities]
        for key, values in draws.items():
            values.append([run[key] for run in runs])

    influences = [document_influences(labels, run) for run in probabilities]

    for key, values in draws.items():
        expected = np.cov(np.array(values).T)  # (2, 2)
        covariances = covariance(np.array([[run[key]] for run in influences]))[:, 0, :, 0]  # (2, 2)
        if key == "calibration_error":  # has kinks where a bin is calibrated; there the influences exaggerate
            assert (np.diag(covariances) >= np.diag(expected)).all()
        else:
            assert covariances == pytest.approx(expected, rel=0.3), key


@pytest.mark.parametrize("classes", [2, 4])
def test_influences_of_all_documents_sum_to_zero(classes: int) -> None:
    labels, probabilities = predictions(classes, random_state=3)

    for key, influences in document_influences(labels, probabilities[0]).items():
        assert influences.sum() == pytest.approx(0, abs=1e-12), key


def test_leaving_a_document_out_moves_a_metric_by_its_influence() -> None:
    labels, probabilities = predictions(3, random_state=4)
    names = ["0", "1", "2"]
    influences = document_influences(labels, probabilities[0])
    whole = classification_metrics(labels, probabilities[0], names)

    for document in (0, 7, 99):
        rest = np.arange(DOCUMENTS) != document
        without = classification_metrics(labels[rest], probabilities[0][rest], names)
        for key in ("accuracy", "balanced_accuracy", "loss", "macro_f1", "roc_auc"):
            change = whole[key] - without[key]
            assert change == pytest.approx(influences[key][document], rel=0.05, abs=2e-5), key


def test_roc_auc_is_left_out_where_a_class_is_absent() -> None:
    influences = document_influences(np.array([0, 1, 1]), np.full((3, 3), 1 / 3))

    assert "roc_auc" not in influences
    assert set(influences) == {"accuracy", "macro_f1", "balanced_accuracy", "loss", "calibration_error"}
