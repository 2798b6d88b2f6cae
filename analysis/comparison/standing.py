"""Simple models as baselines: the majority class and a linear model on the same test documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.comparison.costs import COSTS, Measured
from analysis.comparison.differences import Comparison, Score, mean_interval, shared_variance
from analysis.comparison.experiment import Experiment
from analysis.comparison.influences import Floats, document_influences
from analysis.comparison.metrics import METRICS, Interval, Metric, classification_metrics
from analysis.comparison.statistics import Contrast, contrast

MAJORITY, LINEAR = "majority", "linear"
TITLES = {MAJORITY: "majority class", LINEAR: "linear model"}
MEASURED = [cost for cost in COSTS if cost.key in ("training_seconds", "milliseconds_a_document")]  # of a reference


@dataclass(frozen=True)
class Reference:
    """A simple model, trained once on the variants' training split.

    Attributes:
        name: a key of TITLES
        probabilities: of each class for each test document, (n, classes) float32
        parameters: number of learned weights
        costs: its measurements (analysis/comparison/costs.py)
    """

    name: str
    probabilities: npt.NDArray[np.float32]
    parameters: int
    costs: Mapping[str, Any]


@dataclass(frozen=True)
class Gap(Interval):
    """One metric of a variant less the linear model's, with the p-value of no difference."""

    p_value: float


@dataclass(frozen=True)
class Standing:
    """The references' scores, and how the variants compare with the linear model.

    Attributes:
        references: by name
        scores: by reference and metric; intervals cover the test documents only, since a reference has no seeds
        gaps: by variant and metric; intervals cover the variant's seeds and the test documents
    """

    references: dict[str, Reference]
    scores: dict[str, dict[str, Score]]
    gaps: dict[str, dict[str, Gap]]


def stand(experiment: Experiment, references: Sequence[Reference]) -> Standing:
    """Computes every metric of every reference, and each variant's difference from the linear model."""
    by_name = {reference.name: reference for reference in references}
    scores: dict[str, dict[str, Score]] = {name: {} for name in by_name}
    influences = {
        name: document_influences(experiment.labels, reference.probabilities) for name, reference in by_name.items()
    }
    for name, reference in by_name.items():
        metrics = classification_metrics(experiment.labels, reference.probabilities, experiment.classes)
        for metric in METRICS:
            if metric.key in influences[name]:
                value = np.array([[metrics[metric.key]]])
                mean = _contrast(experiment, metric, value, influences[name][metric.key][None, None], [1.0])
                low, high = mean_interval(experiment, metric, mean)
                scores[name][metric.key] = Score([mean.value], mean.value, None, low, high)
    return Standing(by_name, scores, _gaps(experiment, scores[LINEAR], influences[LINEAR]))


def _gaps(
    experiment: Experiment, linear: Mapping[str, Score], linear_influences: Mapping[str, Floats]
) -> dict[str, dict[str, Gap]]:
    gaps: dict[str, dict[str, Gap]] = {}
    for variant, runs in zip(experiment.variants, experiment.probabilities, strict=True):
        metrics = [classification_metrics(experiment.labels, run, experiment.classes) for run in runs]
        influences = [document_influences(experiment.labels, run) for run in runs]
        gaps[variant] = {}
        for metric in METRICS:
            if (key := metric.key) not in linear:
                continue
            # The reference's single training is repeated for each seed. So seeds add nothing to its variance, and
            # documents add what they add to that of one training.
            values = np.array([[run[key] for run in metrics], [linear[key].mean] * len(runs)])  # (2, seeds)
            both = np.array([[run[key] for run in influences], [linear_influences[key]] * len(runs)])  # (2, seeds, n)
            difference = _contrast(experiment, metric, values, both, [1.0, -1.0])
            gaps[variant][key] = Gap(
                difference.value, *metric.bounded_gap(*difference.interval()), difference.p_value()
            )
    return gaps


def _contrast(
    experiment: Experiment, metric: Metric, values: Floats, influences: Floats, weights: list[float]
) -> Contrast:
    over_documents, folds = shared_variance(experiment, influences)
    return contrast(values, over_documents, weights, influences.shape[2], folds, counted=metric.percent)


def is_weak(standing: Standing) -> bool:
    """Whether the linear model is not clearly more accurate than the majority class: then it is a low bar.

    With few documents and one frequent class, regularization makes it always answer that class.
    """
    return standing.scores[LINEAR]["accuracy"].low <= standing.scores[MAJORITY]["accuracy"].mean


class Row(NamedTuple):
    """A reference, a variant or its ensemble in a table; only a variant has a gap, an ensemble has no costs."""

    title: str
    score: Score
    gap: Gap | None
    costs: Measured


def table_rows(
    experiment: Experiment, comparison: Comparison, ensembles: Comparison | None, standing: Standing, metric: str
) -> list[Row]:
    """The references, then the variants, then their ensembles, by one metric."""
    references = [
        Row(TITLES[name], scores[metric], None, [standing.references[name].costs])
        for name, scores in standing.scores.items()
        if metric in scores
    ]
    variants = [
        Row(name, scores[metric], standing.gaps[name][metric], experiment.costs[name])
        for name, scores in comparison.scores.items()
    ]
    together = [
        Row(f"{name}, ensemble of {len(experiment.seeds)}", scores[metric], None, [])
        for name, scores in (ensembles.scores if ensembles else {}).items()
    ]
    return references + variants + together
