"""What the searches for each variant's best setting found, as numbers for the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from analysis.comparison.costs import Measured
from analysis.comparison.metrics import Metric
from config.tuning import Range

Floats = npt.NDArray[np.float64]
BAND = (0.05, 0.95)  # quantiles of the best of n trials


@dataclass(frozen=True)
class Search:
    """All trials of one variant.

    Attributes:
        settings: of each trial
        scores: what each reached on the validation split; None: its loss was not finite
        chosen: the place among the trials of each search's best one
        importances: share of each key in the variance of the scores; empty if there are too few trials
        costs: the measurements of each trial (analysis/comparison/costs.py)
    """

    settings: Sequence[Mapping[str, Any]]
    scores: Sequence[float | None]
    chosen: Sequence[int]
    importances: Mapping[str, float]
    costs: Measured

    @property
    def failed(self) -> int:
        """The number of trials without a score."""
        return sum(score is None for score in self.scores)

    @property
    def seconds(self) -> float | None:
        """The training time of all trials together; None if one was not measured here."""
        seconds = [trial.get("training_seconds") for trial in self.costs]
        return None if None in seconds else float(sum(seconds))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Tuning:
    """The searches of all variants, which had the same space, budget and validation documents.

    Attributes:
        metric: the metric by which settings were chosen
        trials: number of trials of each search
        repeats: number of searches of each variant
        sampler: random, quasi_random or tpe
        epochs: of a trial: fewest and most
        documents: training documents of a trial
        all_documents: of a final training
        ranges: the ranges of the keys that have a range instead of a list of values
        searches: by variant
    """

    metric: Metric
    trials: int
    repeats: int
    sampler: str
    epochs: tuple[int, int]
    documents: int
    all_documents: int
    ranges: Mapping[str, Range]
    searches: Mapping[str, Search]

    @property
    def keys(self) -> list[str]:
        """The keys that were searched."""
        return list(next(iter(self.searches.values())).settings[0])

    def curve(self, variant: str) -> "Curve":
        """What the best of n trials of `variant` reaches, for n from 1 to the trials of a search.

        A trial that failed counts as much as the worst of the others.
        """
        search = self.searches[variant]
        gains = [self.metric.gain(score) for score in search.scores if score is not None]
        gains += [min(gains)] * search.failed
        budgets = range(1, self.trials + 1)
        sign = self.metric.gain(1.0)
        means = [sign * expected_best(gains, budget) for budget in budgets]
        ends = [[sign * best_quantile(gains, budget, share) for budget in budgets] for share in BAND]
        return Curve(means, *(ends if sign > 0 else ends[::-1]))


@dataclass(frozen=True)
class Curve:
    """The expected best score of 1, 2, … trials, and the band that holds 90 % of these best scores."""

    means: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def expected_best(values: Sequence[float], budget: int) -> float:
    """The mean of the largest of `budget` of the `values`, over all choices of so many without replacement.

    It estimates the expected best of `budget` trials without bias (R. Tang et al., "Showing Your Work Doesn't Always
    Work", ACL 2020, equation 5). The estimator of Dodge et al. 2019 draws with replacement and is too low.

    >>> expected_best([0.1, 0.2, 0.6], 1), expected_best([0.6, 0.1, 0.2], 3)
    (0.3, 0.6)
    >>> round(expected_best([0.1, 0.2, 0.6], 2), 3)  # of 0.2, 0.6 and 0.6
    0.467
    """
    ordered = np.sort(np.asarray(values, np.float64))  # (n,)
    probabilities = np.diff(_probabilities(len(ordered), budget), prepend=0.0)  # of being the largest, (n,)
    return round(float(ordered @ probabilities), 12)


def best_quantile(values: Sequence[float], budget: int, share: float) -> float:
    """The lowest of the `values` that the largest of `budget` of them does not exceed with probability `share`.

    >>> best_quantile([0.1, 0.2, 0.6], 2, 0.3), best_quantile([0.1, 0.2, 0.6], 2, 0.5)
    (0.2, 0.6)
    """
    below = _probabilities(len(values), budget)
    return float(np.sort(np.asarray(values, np.float64))[int(np.argmax(below >= share - 1e-12))])


def _probabilities(number: int, budget: int) -> Floats:
    """The probability that the largest of `budget` values is at most the i-th smallest of `number`, (number,)."""
    rank = np.arange(1, number + 1)
    possible = rank >= budget
    chosen = np.where(possible, rank, budget)
    logarithm = _log_choose(chosen, budget) - _log_choose(np.array(number), budget)
    return np.where(possible, np.exp(logarithm), 0.0)


def _log_choose(total: npt.NDArray[np.int64], part: int) -> Floats:
    return np.asarray(gammaln(total + 1) - gammaln(part + 1) - gammaln(total - part + 1))
