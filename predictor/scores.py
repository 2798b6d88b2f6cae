"""Metrics of predictions that come in chunks, from counts alone: memory does not grow with the documents."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.comparison.metrics import log_losses
from predictor.predictor import Predictions

SHOWN = 3  # unknown labels


class Scores:
    """Adds up what the metrics need.

    Attributes:
        scored: documents with a known label.
        without_label: documents whose label is missing.
        unknown: documents with a label that the model does not know.
        unknown_labels: some of these labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._index = {label: index for index, label in enumerate(labels)}
        self._confusion = np.zeros((len(labels), len(labels)), np.int64)  # (true, predicted)
        self._loss = 0.0
        self.without_label = 0
        self.unknown = 0
        self.unknown_labels: list[str] = []

    @property
    def scored(self) -> int:
        """Documents with a known label."""
        return int(self._confusion.sum())

    def add(self, labels: Sequence[str | None], predictions: Predictions) -> None:
        """Counts documents with these true labels."""
        for label in labels:
            if label is None:
                self.without_label += 1
            elif label not in self._index:
                self.unknown += 1
                if len(self.unknown_labels) < SHOWN and label not in self.unknown_labels:
                    self.unknown_labels.append(label)
        truth: NDArray[np.int64] = np.array([self._index.get(label or "", -1) for label in labels], np.int64)
        known = (truth >= 0) & np.array([label is not None for label in labels], np.bool_)
        truth, probabilities = truth[known], predictions.probabilities[known]
        np.add.at(self._confusion, (truth, probabilities.argmax(axis=1)), 1)
        self._loss += float(log_losses(truth, probabilities).sum())

    def metrics(self) -> dict[str, float]:
        """accuracy, macro F1 and balanced accuracy (of the classes that occur), and loss in nats; `scored` is not 0."""
        right, support = np.diag(self._confusion), self._confusion.sum(axis=1)
        predicted = self._confusion.sum(axis=0)
        occurs = support > 0
        return {
            "accuracy": float(right.sum() / self.scored),
            "macro_f1": float((2 * right[occurs] / (support + predicted)[occurs]).mean()),
            "balanced_accuracy": float((right[occurs] / support[occurs]).mean()),
            "loss": self._loss / self.scored,
        }
