"""Metrics of one training on one set of documents: `classification_metrics` computes them, METRICS describes them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.constants import SMALLEST_PROBABILITY
from core.errors import DataError

Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


NARROW = 0.02  # an interval narrower than this (2 points, or 0.02 nats) is printed with one more digit


class Metric(NamedTuple):
    """A metric: its title, which direction is better, and whether it is printed in percent (else in nats)."""

    key: str
    title: str
    higher_is_better: bool
    percent: bool

    @property
    def scale(self) -> float:
        """The factor of a value when it is printed."""
        return 100.0 if self.percent else 1.0

    @property
    def unit(self) -> str:
        """The unit of printed differences."""
        return "points" if self.percent else "nats"

    @property
    def axis(self) -> str:
        """The title with the unit of values, for a figure."""
        return f"{self.title}, %" if self.percent else f"{self.title} (nats)"

    @property
    def largest_difference(self) -> float:
        """The largest possible difference between two values."""
        return 1.0 if self.percent else math.inf

    def bounded(self, low: float, high: float) -> tuple[float, float]:
        """An interval without values that the metric cannot have."""
        return max(low, 0.0), min(high, 1.0) if self.percent else high

    def bounded_gap(self, low: float, high: float) -> tuple[float, float]:
        """The interval of a difference, without differences that the metric cannot have."""
        return max(low, -self.largest_difference), min(high, self.largest_difference)

    def room(self, value: float) -> float:
        """How far above `value` another value can be."""
        return 1.0 - value if self.percent else math.inf

    def gain(self, difference: float) -> float:
        """A difference as a gain: positive is better, for every metric."""
        return difference if self.higher_is_better else -difference

    def shown(self, value: float) -> str:
        """A value as it is printed: in percent with one decimal, or with three."""
        return f"{100 * value:.1f}" if self.percent else f"{value:.3f}"

    def shown_with_unit(self, value: float) -> str:
        """A value as it is printed, with its unit.

        >>> METRICS[0].shown_with_unit(0.875), metric_named("loss").shown_with_unit(0.31)
        ('87.5 %', '0.310 nats')
        """
        return f"{self.shown(value)} {'%' if self.percent else 'nats'}"

    def shown_difference(self, value: float, narrow: bool = False) -> str:
        """A difference as it is printed: with its sign (a true minus), in points where values are in percent.

        >>> METRICS[0].shown_difference(-0.0123), metric_named("loss").shown_difference(-0.0123)
        ('−1.2', '−0.012')
        """
        digits = (1 if self.percent else 3) + narrow
        text = f"{self.scale * value:+.{digits}f}"
        return text[1:] if float(text) == 0 else text.replace("-", "−")

    def shown_gap(self, gap: Interval) -> tuple[str, str, str]:
        """A difference and its interval as they are printed: with one more digit if the interval is narrow.

        >>> METRICS[0].shown_gap(Interval(0.0022, -0.0004, 0.0048))
        ('+0.22', '−0.04', '+0.48')
        >>> METRICS[0].shown_gap(Interval(0.022, -0.014, 0.058))
        ('+2.2', '−1.4', '+5.8')
        """
        narrow = gap.high - gap.low < NARROW
        value, low, high = (self.shown_difference(end, narrow) for end in (gap.value, gap.low, gap.high))
        return value, low, high

    def shown_gap_with_interval(self, gap: Interval, unit: str = "") -> str:
        """The same in one string.

        >>> METRICS[0].shown_gap_with_interval(Interval(0.022, -0.014, 0.058), " points")
        '+2.2 points (−1.4 to +5.8)'
        """
        value, low, high = self.shown_gap(gap)
        return f"{value}{unit} ({low} to {high})"


METRICS = (
    Metric("accuracy", "accuracy", higher_is_better=True, percent=True),
    Metric("macro_f1", "macro F1", higher_is_better=True, percent=True),
    Metric("balanced_accuracy", "balanced accuracy", higher_is_better=True, percent=True),
    Metric("roc_auc", "ROC AUC", higher_is_better=True, percent=True),
    Metric("loss", "loss", higher_is_better=False, percent=False),
    Metric("calibration_error", "calibration error", higher_is_better=False, percent=True),
)


def metric_named(key: str) -> Metric:
    """The metric with this key."""
    return next(metric for metric in METRICS if metric.key == key)


DECISIVE = ("accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "loss")  # what compare.metric may be

CALIBRATION_BINS = 15


class CalibrationBins(NamedTuple):
    """Documents grouped by confidence, the probability of the class that was chosen. Empty bins are left out.

    Attributes:
        documents: how many in each bin, (bins,)
        confidence: mean confidence in each bin, (bins,)
        accuracy: share of right predictions in each bin, (bins,)
    """

    documents: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]


def classification_metrics(labels: Labels, probabilities: Probabilities, names: Sequence[str]) -> dict[str, Any]:
    """All metrics of one set of predictions, ready for JSON.

    Args:
        labels: index of each document's class, (n,)
        probabilities: of each class for each document, (n, classes)
        names: of the classes

    Returns:
        loss: mean negative log-likelihood, in nats
        accuracy: share of documents whose most probable class is the right one
        macro_f1: mean F1 of the classes that occur in `labels`
        balanced_accuracy: mean recall of the classes that occur in `labels`
        roc_auc: area under the ROC curve; with more than two classes, the mean of each class against the rest; None
            if a class is absent from `labels`
        calibration_error: see `calibration_error`
        classes: {name: {precision, recall, support}}; precision is 0 if the class was never predicted, recall is 0 if
            it never occurs
        confusion_matrix: documents by true class (row) and predicted class (column)

    Raises:
        DataError: no documents, or probabilities that are not numbers.
    """
    from sklearn.metrics import precision_recall_fscore_support  # here: it takes 2 seconds to import, METRICS need not

    if len(labels) == 0:
        raise DataError("there are no documents to evaluate; the split must have at least one")
    if not np.isfinite(probabilities).all():
        raise DataError("the predictions contain NaN or infinite probabilities; allowed: 0 to 1")
    probabilities = probabilities.astype(np.float64)
    predicted = probabilities.argmax(axis=1)  # (n,)
    classes = len(names)
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=list(range(classes)), average=None, zero_division=0.0
    )
    return {
        "loss": float(log_losses(labels, probabilities).mean()),
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": float(f1[support > 0].mean()),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "roc_auc": roc_auc(labels, probabilities),
        "calibration_error": calibration_error(labels, probabilities),
        "classes": {
            name: {"precision": float(precision[i]), "recall": float(recall[i]), "support": int(support[i])}
            for i, name in enumerate(names)
        },
        "confusion_matrix": confusion.tolist(),
    }


def log_losses(labels: Labels, probabilities: Probabilities) -> npt.NDArray[np.float64]:
    """Negative log-likelihood of each document's own class, in nats, (n,)."""
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)  # (n,)
    return -np.log(np.clip(own, SMALLEST_PROBABILITY, 1.0))


def roc_auc(labels: Labels, probabilities: Probabilities) -> float | None:
    """Area under the ROC curve: of the second of two classes, or the mean of each class against the rest.

    None, since the area is undefined, if a class is absent from `labels` or if there is only one class.
    """
    from sklearn.metrics import roc_auc_score

    classes = probabilities.shape[1]
    if classes < 2 or len(np.unique(labels)) < classes:
        return None
    positives = [1] if classes == 2 else range(classes)
    return float(np.mean([roc_auc_score(labels == index, probabilities[:, index]) for index in positives]))


def calibration_error(labels: Labels, probabilities: Probabilities) -> float:
    """Expected calibration error: the mean gap, over documents, between confidence and accuracy in 15 equal bins.

    Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    bins = calibration_bins(labels, probabilities)
    return float((bins.documents * np.abs(bins.accuracy - bins.confidence)).sum() / bins.documents.sum())


def calibration_bins(labels: Labels, probabilities: Probabilities, number: int = CALIBRATION_BINS) -> CalibrationBins:
    """Documents in `number` bins of confidence, all of the same width; a bin includes its upper end, not its lower."""
    confidence = probabilities.max(axis=1).astype(np.float64)  # (n,)
    correct = probabilities.argmax(axis=1) == labels  # (n,)
    index = np.clip(np.ceil(confidence * number).astype(np.int64) - 1, 0, number - 1)  # (n,)
    count = np.bincount(index, minlength=number)  # (bins,)
    filled = count > 0
    return CalibrationBins(
        documents=count[filled],
        confidence=(np.bincount(index, weights=confidence, minlength=number)[filled] / count[filled]),
        accuracy=(np.bincount(index, weights=correct, minlength=number)[filled] / count[filled]),
    )
