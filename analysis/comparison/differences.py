"""From predictions to numbers: each variant's metrics, its difference from the baseline, and their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.comparison.experiment import Experiment
from analysis.comparison.influences import Floats, covariance, document_influences, over_folds
from analysis.comparison.metrics import METRICS, Interval, Metric, classification_metrics
from analysis.comparison.statistics import Contrast, OverFolds, contrast, holm, mcnemar

Shared = tuple[Floats, OverFolds | None]  # covariance of a metric's values over documents, and over folds


@dataclass(frozen=True)
class Score:
    """One metric of one variant: its value under each seed, their mean and deviation, and the mean's 95 % interval.

    `deviation` is None with one seed.
    """

    values: list[float]
    mean: float
    deviation: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """One metric of a variant less the baseline's; fields that need several seeds are None with one.

    Attributes:
        p_value: of no difference
        p_value_corrected: the same, corrected by Holm's method for the number of variants beside the baseline
        smallest_detectable: true difference that this design detects with 80 % power, corrected like the p-value
        probability_fresh_better: that a new training of the variant beats a new one of the baseline
        seeds_won: number of shared seeds with which the variant is better
        seeds_to_tell: number of seeds that detect a difference of this size with 80 % power; None if over 100
        documents_to_tell: number of test documents with which 100 seeds would detect it; None if 100 seeds or fewer
            detect it with the present documents, or if seeds vary too much for any number
    """

    p_value: float
    p_value_corrected: float
    smallest_detectable: float
    probability_fresh_better: float | None
    seeds_won: int
    seeds_to_tell: int | None
    documents_to_tell: int | None


@dataclass(frozen=True)
class Comparison:
    """All numbers about the variants as a whole, by variant and metric.

    Attributes:
        scores: of every variant
        differences: of every variant but the baseline
        mcnemar: p-values on accuracy, one for each shared seed, of every variant but the baseline
        confusion: documents by true and predicted class, mean over seeds, (classes, classes) for each variant
    """

    scores: dict[str, dict[str, Score]]
    differences: dict[str, dict[str, Difference]]
    mcnemar: dict[str, list[float]]
    confusion: dict[str, Floats]


def compare(experiment: Experiment) -> Comparison:
    """Computes every metric of every training, and compares the variants with the baseline."""
    trainings = [
        [classification_metrics(experiment.labels, run, experiment.classes) for run in seeds]
        for seeds in experiment.probabilities
    ]
    by_metric = [[document_influences(experiment.labels, run) for run in seeds] for seeds in experiment.probabilities]
    scores: dict[str, dict[str, Score]] = {variant: {} for variant in experiment.variants}
    differences: dict[str, dict[str, Difference]] = {variant: {} for variant in experiment.others}
    for metric in METRICS:
        if metric.key not in by_metric[0][0]:
            continue
        values = np.array([[run[metric.key] for run in seeds] for seeds in trainings])  # (variants, seeds)
        influences = np.array([[run[metric.key] for run in seeds] for seeds in by_metric])  # (variants, seeds, n)
        shared = shared_variance(experiment, influences)
        for variant, score in scores_of(experiment, metric, values, shared).items():
            scores[variant][metric.key] = score
        for variant, difference in differences_of(experiment, metric, values, shared).items():
            differences[variant][metric.key] = difference
    confusion = {
        variant: np.mean([run["confusion_matrix"] for run in seeds], axis=0)
        for variant, seeds in zip(experiment.variants, trainings, strict=True)
    }
    return Comparison(scores, differences, _mcnemar(experiment), confusion)


def shared_variance(experiment: Experiment, influences: Floats) -> Shared:
    """The covariance of a metric's values over documents, and over folds, from `influences` (variants, seeds, n)."""
    return covariance(influences), over_folds(influences, experiment.folds, experiment.fold_count)


def scores_of(experiment: Experiment, metric: Metric, values: Floats, shared: Shared) -> Mapping[str, Score]:
    """Mean and interval of each variant, from `values` (variants, seeds) and their covariance."""
    result = {}
    for index, variant in enumerate(experiment.variants):
        weights = np.eye(len(experiment.variants))[index].tolist()
        mean = contrast(values, shared[0], weights, len(experiment.labels), shared[1], counted=metric.percent)
        low, high = mean_interval(experiment, metric, mean)
        deviation = float(values[index].std(ddof=1)) if mean.seeds > 1 else None
        result[variant] = Score(values[index].tolist(), mean.value, deviation, low, high)
    return result


def mean_interval(experiment: Experiment, metric: Metric, mean: Contrast) -> tuple[float, float]:
    """The 95 % interval of a mean, without values that the metric cannot have."""
    if metric.key == "accuracy":
        return mean.share_interval(len(experiment.labels))
    return metric.bounded(*mean.interval())


def differences_of(experiment: Experiment, metric: Metric, values: Floats, shared: Shared) -> Mapping[str, Difference]:
    """Each variant less the baseline, from `values` (variants, seeds) and their covariance."""
    contrasts = {
        variant: contrast(
            values,
            shared[0],
            _weights(experiment, variant),
            len(experiment.labels),
            shared[1],
            counted=metric.percent,
        )
        for variant in experiment.others
    }
    corrected = holm([estimate.p_value() for estimate in contrasts.values()])
    baseline = values[experiment.variants.index(experiment.baseline)]
    result = {}
    for (variant, estimate), p_value in zip(contrasts.items(), corrected, strict=True):
        by_seed = values[experiment.variants.index(variant)] - baseline  # (seeds,)
        seeds_won = sum(metric.gain(difference) > 0 for difference in by_seed.tolist())
        result[variant] = _difference(
            estimate, p_value, seeds_won, metric, documents=len(experiment.labels), comparisons=len(contrasts)
        )
    return result


def _difference(
    estimate: Contrast, p_value_corrected: float, seeds_won: int, metric: Metric, *, documents: int, comparisons: int
) -> Difference:
    low, high = metric.bounded_gap(*estimate.interval())
    positive = estimate.probability_positive_for_fresh_seeds()
    better = positive if positive is None or metric.higher_is_better else 1 - positive
    seeds_to_tell = estimate.seeds_to_tell(comparisons)
    return Difference(
        value=estimate.value,
        low=low,
        high=high,
        p_value=estimate.p_value(),
        p_value_corrected=p_value_corrected,
        smallest_detectable=estimate.smallest_detectable(comparisons),
        probability_fresh_better=better,
        seeds_won=seeds_won,
        seeds_to_tell=seeds_to_tell,
        documents_to_tell=None if seeds_to_tell else estimate.documents_to_tell(documents, comparisons),
    )


def _weights(experiment: Experiment, variant: str) -> list[float]:
    """1 for `variant`, -1 for the baseline, 0 for the rest."""
    return [float(name == variant) - float(name == experiment.baseline) for name in experiment.variants]


def _mcnemar(experiment: Experiment) -> dict[str, list[float]]:
    correct = dict(zip(experiment.variants, experiment.correct, strict=True))  # (seeds, n) each
    return {
        variant: [mcnemar(*pair) for pair in zip(correct[variant], correct[experiment.baseline], strict=True)]
        for variant in experiment.others
    }
