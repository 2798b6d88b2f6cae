"""A/A test: how often does the method call two groups of one variant's seeds different?

It checks the method on real trainings, where no true difference exists. The splits share trainings, so their share of
false alarms is less precise than that of as many independent comparisons.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from analysis.comparison.differences import shared_variance
from analysis.comparison.experiment import Experiment
from analysis.comparison.influences import document_influences
from analysis.comparison.metrics import classification_metrics
from analysis.comparison.statistics import OverFolds, contrast

Group = tuple[int, ...]


class Split(NamedTuple):
    """Two groups of seeds, the difference of their means, and its p-value."""

    first: Group
    second: Group
    difference: float
    p_value: float


def against_itself(experiment: Experiment, seeds_a_side: int) -> list[Split]:
    """Compares all pairs of disjoint groups of `seeds_a_side` of the baseline's seeds."""
    row = experiment.variants.index(experiment.baseline)
    trainings, key = experiment.probabilities[row], experiment.metric.key
    reached = np.array([classification_metrics(experiment.labels, run, experiment.classes)[key] for run in trainings])
    influences = np.array([[document_influences(experiment.labels, run)[key] for run in trainings]])  # (1, seeds, n)
    over_documents, folds = shared_variance(experiment, influences)
    shared = over_documents[0, :, 0]  # (seeds, seeds)
    result = []
    for halves in split_in_two(len(experiment.seeds), seeds_a_side):
        chosen = np.array(halves)  # (2, seeds a side)
        values, pairs = reached[chosen], (chosen[:, :, None, None], chosen[None, None])
        difference = contrast(
            values,
            shared[pairs],
            [1.0, -1.0],
            len(experiment.labels),
            folds and OverFolds(folds.covariance[0, :, 0][pairs], folds.number),
            counted=experiment.metric.percent,
        )
        first, second = (tuple(experiment.seeds[index] for index in half) for half in halves)
        result.append(Split(first, second, difference.value, difference.p_value()))
    return result


def split_in_two(number: int, size: int) -> Iterator[tuple[Group, Group]]:
    """Each pair of disjoint groups of `size` of the numbers below `number`, once.

    >>> list(split_in_two(3, 1))
    [((0,), (1,)), ((0,), (2,)), ((1,), (2,))]
    """
    for first in combinations(range(number), size):
        rest = [index for index in range(number) if index not in first and index > first[0]]
        yield from ((first, second) for second in combinations(rest, size))
