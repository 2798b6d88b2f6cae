"""Accuracy by length, by label and by the data set's own columns, and the documents on which variants disagree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.comparison.experiment import Experiment
from analysis.comparison.influences import covariance, over_folds
from analysis.comparison.metrics import Interval, metric_named
from analysis.comparison.statistics import contrast

BINS = 5  # of a column of numbers, with about the same number of documents
MOST_VALUES = 12  # of a column of names; rarer ones become one group
FEWEST_DOCUMENTS = 5  # in a slice that is shown
LABEL = "label"  # the column of the classes
OTHERS = "(others)"
MISSING = "(missing)"


@dataclass(frozen=True)
class SliceScore:
    """One variant on a slice: its accuracy, and the difference from the baseline's (None for the baseline itself)."""

    accuracy: Interval
    difference: Interval | None


@dataclass(frozen=True)
class Slice:
    """The documents that have one value, or a value in one range, in one column; scores by variant."""

    column: str
    value: str
    documents: int
    scores: dict[str, SliceScore]


@dataclass(frozen=True)
class Disagreement:
    """A document on which a variant and the baseline disagree.

    Attributes:
        document: its index
        label: its class
        gain: mean probability that the variant gives this class, less the baseline's
        probabilities: of this class, by variant and seed
    """

    document: int
    label: str
    gain: float
    probabilities: dict[str, list[float]]


def slice_scores(experiment: Experiment) -> dict[str, list[Slice]]:
    """The slices of each column that can be sliced, in the order of their values.

    A column with one value is left out, and one whose values are mostly unique (a title, an id). Labels are never
    grouped: the report lists the recall of every class.
    """
    correct = experiment.correct
    columns = {column: split(content) for column, content in experiment.columns.items()}
    columns[LABEL] = [(name, experiment.labels == index) for index, name in enumerate(experiment.classes)]
    result = {}
    for column, groups in columns.items():
        slices = [
            Slice(column, value, int(mask.sum()), _scores(experiment, correct, mask))
            for value, mask in groups
            if mask.sum() >= FEWEST_DOCUMENTS
        ]
        if len(slices) > 1:
            result[column] = slices
    return result


def most_telling(slices: Sequence[Slice], number: int) -> list[Slice]:
    """The `number` slices with the clearest differences, largest gain first; with one variant those of lowest accuracy.

    The clearest difference is the largest one relative to the width of its interval, so that a slice does not stand
    out because it has few documents.
    """
    if len(slices) <= number:
        return list(slices)

    def clearest(part: Slice) -> tuple[float, float]:
        gaps = [score.difference for score in part.scores.values() if score.difference is not None]
        if not gaps:
            worst = min(score.accuracy.value for score in part.scores.values())
            return 1 - worst, worst
        gap = max(gaps, key=lambda gap: abs(gap.value) / (gap.high - gap.low))
        return abs(gap.value) / (gap.high - gap.low), gap.value

    chosen = sorted(slices, key=lambda part: -clearest(part)[0])[:number]
    return sorted(chosen, key=lambda part: -clearest(part)[1])


def split(content: npt.NDArray[Any]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Splits a column into named groups of documents: numbers by quantiles, everything else by value.

    >>> [(name, mask.tolist()) for name, mask in split(np.array(["start", "end", "start"], dtype=object))]
    [('end', [False, True, False]), ('start', [True, False, True])]
    """
    if np.issubdtype(content.dtype, np.number):
        return _split_numbers(content.astype(np.float64))
    return _split_names(content)


def _split_numbers(numbers: npt.NDArray[np.float64]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    known = np.isfinite(numbers)
    distinct = np.unique(numbers[known])
    if len(distinct) <= BINS:
        groups = [(_shown(value), numbers == value) for value in distinct]
    else:
        cuts = np.unique(np.quantile(numbers[known], np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
        index = np.searchsorted(cuts, numbers)  # a bin holds its upper end
        masks = [known & (index == number) for number in range(len(cuts) + 1)]
        filled = [mask for mask in masks if mask.any()]
        groups = [(_range(numbers[mask]), mask) for mask in filled]
    return groups + ([(MISSING, ~known)] if (~known).any() else [])


def _split_names(content: npt.NDArray[Any]) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    names = np.array([MISSING if value is None else str(value) for value in content], dtype=object)
    counted = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    common = [name for name, _ in counted[:MOST_VALUES]]
    if np.isin(names, common).mean() < 0.5:
        return []
    groups = [(name, names == name) for name in sorted(common, key=lambda name: (name == MISSING, name))]
    rest = ~np.isin(names, common)
    return groups + ([(OTHERS, rest)] if rest.any() else [])


def _shown(number: float) -> str:
    return f"{number:.4g}" if abs(number) < 10_000 else f"{number:,.0f}"


def _range(numbers: npt.NDArray[np.float64]) -> str:
    low, high = _shown(numbers.min()), _shown(numbers.max())
    return low if low == high else f"{low}–{high}"


def _scores(
    experiment: Experiment, all_correct: npt.NDArray[np.bool_], mask: npt.NDArray[np.bool_]
) -> dict[str, SliceScore]:
    """Scores on the slice `mask` (n,), from `all_correct` (variants, seeds, n)."""
    correct = all_correct[:, :, mask]  # (variants, seeds, documents of the slice)
    documents = correct.shape[2]
    accuracies = correct.mean(axis=2)  # (variants, seeds)
    influences = (correct - accuracies[:, :, None]) / documents  # (variants, seeds, documents of the slice)
    shared = covariance(influences)
    folds = over_folds(influences, None if experiment.folds is None else experiment.folds[mask], experiment.fold_count)
    weights = dict(zip(experiment.variants, np.eye(len(experiment.variants)), strict=True))
    result = {}
    for variant, chosen in weights.items():
        mean = contrast(accuracies, shared, chosen.tolist(), documents, folds)
        difference = None
        if variant != experiment.baseline:
            gap = contrast(accuracies, shared, (chosen - weights[experiment.baseline]).tolist(), documents, folds)
            difference = Interval(gap.value, *metric_named("accuracy").bounded_gap(*gap.interval()))
        result[variant] = SliceScore(Interval(mean.value, *mean.share_interval(documents)), difference)
    return result


def disagreements(experiment: Experiment, variant: str, number: int) -> list[Disagreement]:
    """The `number` documents where `variant` gains most over the baseline, then the `number` where it loses most."""
    chosen = [experiment.variants.index(name) for name in (experiment.baseline, variant)]
    own = experiment.own_probabilities[chosen].astype(np.float64)  # (2, seeds, n)
    gains = own[1].mean(axis=0) - own[0].mean(axis=0)  # (n,)
    order = np.argsort(-gains, kind="stable")
    most = [index for index in order[:number] if gains[index] > 0]
    least = [index for index in order[::-1][:number] if gains[index] < 0]
    return [
        Disagreement(
            document=int(index),
            label=experiment.classes[experiment.labels[index]],
            gain=float(gains[index]),
            probabilities={
                experiment.baseline: own[0, :, index].tolist(),
                variant: own[1, :, index].tolist(),
            },
        )
        for index in [*most, *least]
    ]
