"""How much each test document moves each metric of one training: the basis of standard errors over documents.

The influence of a document is the derivative of the metric by the document's weight, over the number of documents. The
influences of all documents sum to 0, and their sum of squares is the metric's variance over samples of documents: the
limit of the bootstrap over documents, without its noise ("infinitesimal jackknife", L. A. Jaeckel, Bell Laboratories
memorandum MM 72-1215-11, 1972). tests/analysis/test_influences.py compares it with the bootstrap: they agree except for
the calibration error, whose variance is too large where bins are nearly calibrated.
"""

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.comparison.metrics import CALIBRATION_BINS, Labels, Probabilities, log_losses
from analysis.comparison.statistics import OverFolds

Floats = npt.NDArray[np.float64]


def document_influences(labels: Labels, probabilities: Probabilities) -> dict[str, Floats]:
    """The influences on each metric of analysis/comparison/metrics.py; `roc_auc` is left out where it is undefined.

    Args:
        labels: index of each document's class, (n,)
        probabilities: of each class for each document, (n, classes)

    Returns:
        {metric: (n,)}
    """
    exact: Floats = probabilities.astype(np.float64)
    predicted = exact.argmax(axis=1)  # (n,)
    correct = (predicted == labels).astype(np.float64)  # (n,)
    classes = exact.shape[1]
    result = {
        "accuracy": _of_mean(correct),
        "macro_f1": _of_macro_f1(labels, predicted, classes),
        "balanced_accuracy": _of_balanced_accuracy(labels, correct),
        "loss": _of_mean(log_losses(labels, exact)),
        "calibration_error": _of_calibration_error(correct, exact.max(axis=1)),
    }
    if classes >= 2 and len(np.unique(labels)) == classes:
        positives = [1] if classes == 2 else range(classes)
        areas = [_of_roc_auc(labels == index, exact[:, index]) for index in positives]
        result["roc_auc"] = np.mean(areas, axis=0)
    return result


def covariance(influences: Floats) -> Floats:
    """Covariance of a metric's values over samples of documents.

    Args:
        influences: of each document in each training, (variants, seeds, n)

    Returns:
        (variants, seeds, variants, seeds)
    """
    documents = influences.shape[2]
    products = np.tensordot(influences, influences, axes=(2, 2))  # (variants, seeds, variants, seeds)
    return np.asarray(products * (documents / max(documents - 1, 1)))


def over_folds(influences: Floats, folds: Labels | None, number: int | None) -> OverFolds | None:
    """Covariance of a metric's values over the folds of a cross-validation; None if there is none.

    One training predicts all documents of a fold, so their errors are dependent: folds are the units here. Trainings on
    different folds share most of their documents, which makes the spread over folds too small; the factor
    1 + K · (test documents / training documents) corrects this (C. Nadeau and Y. Bengio, Inference for the
    Generalization Error, Machine Learning 52, 2003). For accuracy and folds of equal size, the result for one
    cross-validation is that of their corrected resampled t-test.

    Args:
        influences: as for `covariance`
        folds: the fold of each document, (n,), from 0
        number: of the folds, some of which may have no document here
    """
    if folds is None or number is None:
        return None
    of_folds = np.stack([influences[:, :, folds == fold].sum(axis=2) for fold in range(number)], axis=2)
    factor = number / (number - 1) * (1 + number / (number - 2))  # trained on all folds but two
    return OverFolds(np.asarray(np.tensordot(of_folds, of_folds, axes=(2, 2)) * factor), number)


def _of_mean(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / len(values))


def _of_macro_f1(labels: Labels, predicted: Labels, classes: int) -> Floats:
    present = [index for index in range(classes) if (labels == index).any()]
    total = np.zeros(len(labels))
    for index in present:
        hits = (labels == index) & (predicted == index)  # (n,)
        named = (labels == index).astype(np.float64) + (predicted == index)  # (n,); F1 = 2 hits / named
        f1 = 2 * hits.sum() / named.sum()
        total += (2 * hits - f1 * named) / named.sum()
    return total / len(present)


def _of_balanced_accuracy(labels: Labels, correct: Floats) -> Floats:
    """Exact: the recall of a class is an accuracy over its documents, and all classes have the same weight."""
    present, index = np.unique(labels, return_inverse=True)  # (present,), (n,)
    support = np.bincount(index)  # (present,)
    recall = np.bincount(index, weights=correct) / support  # (present,)
    return np.asarray((correct - recall[index]) / support[index] / len(present))


def _of_calibration_error(correct: Floats, confidence: Floats) -> Floats:
    edges = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1  # (n,)
    index = np.clip(edges, 0, CALIBRATION_BINS - 1)
    gap = correct - confidence  # (n,)
    sign = np.sign(np.bincount(index, weights=gap, minlength=CALIBRATION_BINS))  # (bins,)
    return _of_mean(sign[index] * gap)


def _of_roc_auc(positive: npt.NDArray[np.bool_], scores: Floats) -> Floats:
    """Source: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44, 1988; by ranks as in X. Sun and W. Xu,
    IEEE Signal Processing Letters 21, 2014.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    ranks = stats.rankdata(scores)  # (n,)
    below = (ranks[positive] - stats.rankdata(scores[positive])) / negatives  # share of negatives below each positive
    above = 1 - (ranks[~positive] - stats.rankdata(scores[~positive])) / positives  # of positives above each negative
    result = np.empty(len(scores))
    result[positive] = (below - below.mean()) / positives
    result[~positive] = (above - above.mean()) / negatives
    return result
