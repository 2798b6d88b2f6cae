"""The difference between variants under several settings: its size under each, and whether it depends on them.

Every variant was trained under each setting with the same seeds and tested on the same documents. Whether two settings
give different differences is itself a contrast of four means (statistics.py): of the variant and the baseline under one
setting, less the same under the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.comparison.differences import Difference, differences_of, shared_variance
from analysis.comparison.experiment import Experiment
from analysis.comparison.influences import document_influences
from analysis.comparison.metrics import classification_metrics
from analysis.comparison.statistics import contrast, holm

LEAST_LEARNED = 0.01  # of accuracy above the most frequent class


@dataclass(frozen=True)
class Dependence:
    """Two settings under which a variant's difference from the baseline differs.

    Attributes:
        first, second: the settings' names, that with the larger difference first
        value: by how much it is larger
        p_value: of no dependence, corrected by Holm's method for all pairs of settings and all variants
    """

    first: str
    second: str
    value: float
    p_value: float


@dataclass(frozen=True)
class UnderSettings:
    """The differences under each setting.

    Attributes:
        means: of each variant under each setting, by setting; the first one is that of the comparison itself
        differences: by variant, then by setting
        not_learned: by setting, the variants whose accuracy is at most a point above the most frequent class's
        dependences: by variant, the pair of settings that shows a dependence most clearly
    """

    means: Mapping[str, Mapping[str, float]]
    differences: Mapping[str, Mapping[str, Difference]]
    dependences: Mapping[str, Dependence]
    not_learned: Mapping[str, list[str]]


def compare_under_settings(
    experiment: Experiment, first: str, others: Mapping[str, npt.NDArray[np.float32]]
) -> UnderSettings:
    """Compares under the setting of `experiment`, called `first`, and under others.

    Args:
        experiment: the comparison itself
        first: the name of its setting
        others: by name of the setting, probabilities (variants, seeds, n, classes)
    """
    metric = experiment.metric
    probabilities = {first: experiment.probabilities, **others}
    values, influences = {}, {}
    for name, runs in probabilities.items():
        values[name] = np.array([[_score(experiment, run) for run in seeds] for seeds in runs])  # (variants, seeds)
        rows = [[document_influences(experiment.labels, run)[metric.key] for run in seeds] for seeds in runs]
        influences[name] = np.array(rows)  # (variants, seeds, n)
    shared = {name: shared_variance(experiment, influences[name]) for name in probabilities}
    by_setting = {name: differences_of(experiment, metric, values[name], shared[name]) for name in probabilities}
    differences = {
        variant: {name: by_setting[name][variant] for name in probabilities} for variant in experiment.others
    }
    means = {
        name: dict(zip(experiment.variants, scores.mean(axis=1).tolist(), strict=True))
        for name, scores in values.items()
    }
    not_learned = {name: _not_learned(experiment, runs) for name, runs in probabilities.items()}
    return UnderSettings(means, differences, _dependences(experiment, values, influences), not_learned)


def _not_learned(experiment: Experiment, runs: npt.NDArray[np.float32]) -> list[str]:
    accuracies = (runs.argmax(axis=3) == experiment.labels).mean(axis=(1, 2))  # (variants,)
    most_frequent = np.bincount(experiment.labels).max() / len(experiment.labels)
    learned = zip(experiment.variants, accuracies > most_frequent + LEAST_LEARNED, strict=True)
    return [variant for variant, is_above in learned if not is_above]


def _score(experiment: Experiment, run: npt.NDArray[np.float32]) -> Any:
    return classification_metrics(experiment.labels, run, experiment.classes)[experiment.metric.key]


def _dependences(
    experiment: Experiment, values: Mapping[str, Any], influences: Mapping[str, Any]
) -> dict[str, Dependence]:
    base = experiment.variants.index(experiment.baseline)
    dependences: list[tuple[str, Dependence]] = []
    for variant in experiment.others:
        rows = [experiment.variants.index(variant), base]
        for first, second in combinations(values, 2):
            stacked = np.concatenate([values[first][rows], values[second][rows]])  # (4, seeds)
            both = np.concatenate([influences[first][rows], influences[second][rows]])  # (4, seeds, n)
            of_documents, of_folds = shared_variance(experiment, both)
            interaction = contrast(
                stacked, of_documents, [1.0, -1.0, -1.0, 1.0], len(experiment.labels), of_folds,
                counted=experiment.metric.percent,
            )  # fmt: skip
            pair = (first, second) if interaction.value >= 0 else (second, first)
            dependences.append((variant, Dependence(*pair, abs(interaction.value), interaction.p_value())))
    corrected = holm([dependence.p_value for _, dependence in dependences])
    clearest: dict[str, Dependence] = {}
    for (variant, dependence), p_value in zip(dependences, corrected, strict=True):
        known = clearest.get(variant)
        if known is None or (p_value, -dependence.value) < (known.p_value, -known.value):
            clearest[variant] = Dependence(dependence.first, dependence.second, dependence.value, p_value)
    return clearest
