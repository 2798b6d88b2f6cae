"""Standard errors and p-values of differences between variants, where both seeds and test documents are samples.

A variant trained with S seeds and tested on N documents gives S values of a metric. They vary with the seed, with the
choice of the test documents, and with the interaction of both. All variants are tested on the same documents, so their
values are correlated: `covariance`, (variants, seeds, variants, seeds), is the covariance of each pair of values over
samples of documents (analysis/comparison/influences.py).

A difference of means over seeds then has the variance

    seeds + documents - interaction

where `seeds` comes from the spread over seeds and `documents` from `covariance`. Both contain the interaction, so it is
subtracted once. Few seeds make the first term uncertain: Satterthwaite's degrees of freedom say how much, and Student's
t widens the interval accordingly. This is the analysis of multi-reader multi-case studies with seeds
as readers (S. L. Hillis, "A comparison of denominator degrees of freedom methods for multiple observer ROC analysis",
Statistics in Medicine 26, 2007). docs/statistics.md tabulates its error rates.

In a cross-validation one repetition, a training for each fold, takes the place of a seed. `documents` is then the
larger of two variances, over documents and over folds (`OverFolds`), with folds - 1 degrees of freedom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
POWER = 0.8
ROUNDING = 1e-12  # differences below are those of floating-point numbers
MOST_SEEDS = 100  # more are not worth proposing


class OverFolds(NamedTuple):
    """The covariance of a metric's values over the folds of a cross-validation, and the number of folds."""

    covariance: Floats  # (variants, repetitions, variants, repetitions)
    number: int


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of the variants' means over seeds: one mean (weight 1) or a difference (1 and -1).

    Attributes:
        value: the estimate
        standard_error: of `value`, over seeds and documents; with one seed, over documents alone
        degrees_of_freedom: of Student's t for `value / standard_error`
        seeds: number of trainings of each variant
        seed_variances: variance due to one training of each variant, (variants,); zeros with one seed
        document_variance: the part of the variance that more seeds do not reduce
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    seeds: int
    seed_variances: Floats
    document_variance: float

    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval."""
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, self.degrees_of_freedom)) * self.standard_error
        return self.value - reach, self.value + reach

    def share_interval(self, documents: int) -> tuple[float, float]:
        """The 95 % interval of a share of `documents`, such as an accuracy; it also holds near 0 and 100 %.

        It is Wilson's, for the number of documents that would give this standard error, but at most `documents`.
        """
        spread = self.value * (1 - self.value)
        effective = min(documents, spread / self.standard_error**2) if spread > 0 else documents
        return wilson(self.value, effective, float(stats.t.ppf((1 + CONFIDENCE) / 2, self.degrees_of_freedom)))

    def p_value(self) -> float:
        """The probability that chance alone gives a value this far from 0, in either direction."""
        return float(2 * stats.t.sf(abs(self.value) / self.standard_error, self.degrees_of_freedom))

    def smallest_detectable(self, comparisons: int = 1) -> float:
        """The smallest true difference that a design with these seeds and documents detects with 80 % power (p < 0.05).

        With several `comparisons` in a family: at the strictest level of Holm's method.
        """
        return _reach_for_power(self.degrees_of_freedom, comparisons) * self.standard_error

    def probability_positive_for_fresh_seeds(self) -> float | None:
        """Probability that one new training of each variant gives a positive contrast; None with one seed."""
        if self.seeds == 1:
            return None
        variances = self.seed_variances * (1 + 1 / self.seeds)  # of a new value around the known mean, (variants,)
        variance = variances.sum() + self.document_variance
        freedom = _satterthwaite(variance, variances, self.seeds)
        return float(stats.t.cdf(self.value / np.sqrt(variance), freedom))

    def seeds_to_tell(self, comparisons: int = 1) -> int | None:
        """How many seeds detect a true difference as large as `value` with 80 % power; `comparisons` as above.

        None if 100 seeds do not on the same documents, or if there is only one seed, which has no spread.
        """
        if self.seeds == 1:
            return None
        for seeds in range(2, MOST_SEEDS + 1):
            variances = self.seed_variances / seeds
            variance = variances.sum() + self.document_variance
            reach = _reach_for_power(_satterthwaite(variance, variances, seeds), comparisons)
            if reach * np.sqrt(variance) <= abs(self.value):
                return seeds
        return None

    def documents_to_tell(self, documents: int, comparisons: int = 1) -> int | None:
        """How many test documents, instead of `documents`, let 100 seeds detect a true difference as large as `value`.

        With 80 % power; `comparisons` as above. None if seeds vary too much for any number of documents, or if there
        is only one seed.
        """
        if self.seeds == 1:
            return None
        # The largest variance that still detects it, approached in rounds: its degrees of freedom depend on it.
        variances = self.seed_variances / MOST_SEEDS
        from_documents, freedom = 0.0, float("inf")
        for _ in range(20):
            detected = (self.value / _reach_for_power(freedom, comparisons)) ** 2
            from_documents = detected - float(variances.sum())
            if from_documents <= 0:
                return None
            freedom = _satterthwaite(detected, variances, MOST_SEEDS)
        return int(np.ceil(documents * self.document_variance / from_documents))


def contrast(
    values: Floats,
    covariance: Floats,
    weights: Sequence[float],
    documents: int,
    folds: OverFolds | None = None,
    *,
    counted: bool = True,
) -> Contrast:
    """Estimates the sum of `weights` times the variants' means, with its error over seeds and documents.

    Args:
        values: of the metric, (variants, seeds)
        covariance: of `values` over samples of documents, (variants, seeds, variants, seeds)
        weights: of the variants; (-1, 1) for a difference
        documents: number of test documents
        folds: the covariance of `values` over folds, if each seed is a repetition of a cross-validation
        counted: whether values count documents, as all metrics but the loss do
    """
    chosen = np.asarray(weights, np.float64)  # (variants,)
    seeds = values.shape[1]
    value = float(chosen @ values.mean(axis=1))
    # N documents resolve no less than one document. Without this term, few documents on which all trainings agree would
    # give an error of 0 (A. Agresti and Y. Min, Statistics in Medicine 24, 2005, for paired proportions).
    covariances = [covariance, folds.covariance] if folds else [covariance]
    largest = max(float(np.einsum("v,vsut,u->", chosen, matrix, chosen)) for matrix in covariances)
    finest = (1 / documents if counted else ROUNDING) ** 2
    from_documents = max(largest, 0.0) / seeds**2 + finest  # rounding may make a variance of 0 negative
    if seeds == 1:
        freedom = (folds.number if folds else documents) - 1 or 1
        return Contrast(value, float(np.sqrt(from_documents)), freedom, 1, np.zeros(len(chosen)), from_documents)
    seed_variances = chosen**2 * values.var(axis=1, ddof=1)  # (variants,)
    from_seeds = seed_variances.sum() / seeds
    interaction = float(chosen**2 @ _interactions(covariance)) / seeds
    variance = max(from_seeds, from_documents, from_seeds + from_documents - interaction)
    number = folds.number if folds else None
    return Contrast(
        value=value,
        standard_error=float(np.sqrt(variance)),
        degrees_of_freedom=_satterthwaite(variance, seed_variances / seeds, seeds, from_documents, number),
        seeds=seeds,
        seed_variances=seed_variances,
        document_variance=max(from_documents - interaction, finest),
    )


def _interactions(covariance: Floats) -> Floats:
    """The part of each variant's variance over documents that its seeds do not share, (variants,)."""
    seeds = covariance.shape[1]
    within = np.einsum("vsvt->vst", covariance)  # (variants, seeds, seeds)
    own = np.einsum("vss->v", within) / seeds
    shared = (within.sum(axis=(1, 2)) - seeds * own) / (seeds * (seeds - 1))
    return np.asarray(own - shared)


def _satterthwaite(
    variance: float, seed_parts: Floats, seeds: int, from_folds: float = 0.0, folds: int | None = None
) -> float:
    """Degrees of freedom of a variance whose `seed_parts` were each estimated from `seeds` seeds.

    In a cross-validation the part `from_folds` was estimated from `folds` folds.
    """
    uncertainty = float((seed_parts**2).sum()) / (seeds - 1)
    if folds is not None:
        uncertainty += from_folds**2 / (folds - 1)
    return variance**2 / uncertainty if uncertainty > 0 else float("inf")


def _reach_for_power(degrees_of_freedom: float, comparisons: int) -> float:
    """How many standard errors a true difference must be from 0 to be detected with 80 % power."""
    level = (1 - CONFIDENCE) / comparisons
    return float(stats.t.ppf([1 - level / 2, POWER], degrees_of_freedom).sum())


def mcnemar(correct: npt.NDArray[np.bool_], baseline_correct: npt.NDArray[np.bool_]) -> float:
    """Exact p-value of McNemar's test for two trainings on the same documents, both (n,).

    Source: Q. McNemar, Psychometrika 12, 1947; a sign test over the documents that only one of the two got right.
    """
    only_this = int((correct & ~baseline_correct).sum())
    only_baseline = int((baseline_correct & ~correct).sum())
    if only_this + only_baseline == 0:
        return 1.0
    return float(stats.binomtest(only_this, only_this + only_baseline).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The `p_values` of one family, corrected for their number (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        corrected[index] = largest
    return corrected


def wilson(share: float, documents: float, quantile: float) -> tuple[float, float]:
    """Interval of a share of (effectively) this many documents; it stays within 0 and 1.

    Source: E. B. Wilson, Journal of the American Statistical Association 22, 1927.
    """
    squared = quantile**2
    middle = (share + squared / (2 * documents)) / (1 + squared / documents)
    inner = share * (1 - share) / documents + squared / (4 * documents**2)
    reach = quantile * float(np.sqrt(inner)) / (1 + squared / documents)
    return max(0.0, middle - reach), min(1.0, middle + reach)
