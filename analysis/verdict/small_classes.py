"""Warns if accuracy hides errors on small classes: accuracy counts documents, and small classes have few.

A class is small if it has at most half as many test documents as the largest one.
"""

import numpy as np
import numpy.typing as npt

from analysis.comparison.differences import Comparison, Difference
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import Metric, metric_named
from analysis.verdict.phrases import SIGNIFICANCE, p_value

BY_CLASS = ("macro_f1", "balanced_accuracy")  # all classes weigh the same
FEWEST_DOCUMENTS = 5  # of a class whose recall is judged
ADVICE = "If small classes count as much as large ones, set compare.metric: "


def warnings(experiment: Experiment, comparison: Comparison) -> list[str]:
    """What accuracy hides, one or two sentences each; empty where another metric decides the verdict."""
    small = _small_classes(experiment)
    if experiment.metric.key != "accuracy" or not len(small):
        return []
    return [
        *_hidden_differences(experiment, comparison),
        *_differences_of_large_classes(experiment, comparison),
        *_missed_classes(experiment, comparison, small),
    ]


def _small_classes(experiment: Experiment) -> npt.NDArray[np.int64]:
    """Indices of the small classes that have test documents."""
    counts = np.bincount(experiment.labels, minlength=len(experiment.classes))
    return np.asarray(np.flatnonzero((counts > 0) & (2 * counts <= counts.max())))


def _hidden_differences(experiment: Experiment, comparison: Comparison) -> list[str]:
    """For each variant whose difference is clear in a metric by class, but unclear or opposite in accuracy."""
    sentences = []
    for variant, differences in comparison.differences.items():
        by_accuracy = _direction(experiment.metric, differences["accuracy"])
        for metric in map(metric_named, BY_CLASS):
            difference = differences[metric.key]
            if (direction := _direction(metric, difference)) and direction != by_accuracy:
                value, low, high = metric.shown_gap(difference)
                sentences.append(
                    f"Accuracy hides a difference: in {metric.title} {variant} is {direction} than "
                    f"{experiment.baseline}, {value} points (95 % interval {low} to {high}, "
                    f"{p_value(difference.p_value_corrected)}). {ADVICE}{metric.key}."
                )
                break
    return sentences


def _differences_of_large_classes(experiment: Experiment, comparison: Comparison) -> list[str]:
    """For each variant whose difference is clear in accuracy, but unclear in macro F1: large classes may explain it."""
    metric, sentences = metric_named(BY_CLASS[0]), []
    for variant, differences in comparison.differences.items():
        direction, difference = _direction(experiment.metric, differences["accuracy"]), differences[metric.key]
        if direction and not _direction(metric, difference):
            value, low, high = metric.shown_gap(difference)
            sentences.append(
                f"That {variant} is {direction} than {experiment.baseline} holds for accuracy, in which large classes "
                f"count most. In {metric.title}, where all classes count alike, it is unclear: {value} points (95 % "
                f"interval {low} to {high}, {p_value(difference.p_value_corrected)})."
            )
    return sentences


def _direction(metric: Metric, difference: Difference) -> str:
    """better, worse, or empty where it is unclear."""
    if difference.p_value_corrected >= SIGNIFICANCE:
        return ""
    return "better" if metric.gain(difference.value) > 0 else "worse"


def _missed_classes(experiment: Experiment, comparison: Comparison, small: npt.NDArray[np.int64]) -> list[str]:
    """For the small class and the variant with the lowest recall, if this is less than half the accuracy."""
    worst = None
    for variant, counts in comparison.confusion.items():
        support = counts.sum(axis=1)  # (classes,)
        accuracy = comparison.scores[variant]["accuracy"].mean
        for index in small:
            recall = counts[index, index] / support[index]
            if support[index] >= FEWEST_DOCUMENTS and recall < accuracy / 2 and (worst is None or recall < worst[0]):
                worst = recall, variant, index, support[index], accuracy
    if worst is None:
        return []
    recall, variant, index, documents, accuracy = worst
    return [
        f"Accuracy hides a small class: {variant} recognizes {100 * recall:.0f} % of the {documents:,.0f} documents of "
        f"{experiment.classes[index]}, but {100 * accuracy:.0f} % of all {len(experiment.labels):,}. "
        f"{ADVICE}{' or '.join(BY_CLASS)}."
    ]
