"""Simulated comparisons of two variants with a known true difference: how often the statistics err."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.comparison.influences import covariance
from analysis.comparison.statistics import contrast

DRAWS = 400  # of one bootstrap
NO_LOSSES = np.zeros((2, 1))


@dataclass(frozen=True)
class Truth:
    """Two simulated variants. A document is classified correctly where a sum of normal effects is low enough.

    Attributes:
        accuracies: of either variant over all seeds and all documents
        seed_spread: standard deviation of a variant's accuracy over seeds, roughly
        taste: share of the documents' difficulty that is specific to a variant (0: both variants find the same
            documents hard, as in an A/A test)
        luck: variance of the difficulty that is specific to one seed and document; the rest has variance 1
    """

    accuracies: tuple[float, float] = (0.87, 0.87)
    seed_spread: float = 0.005
    taste: float = 0.0
    luck: float = 0.5

    def draw(
        self, rng: np.random.Generator, seeds: int, documents: int, losses: npt.NDArray[np.float64] = NO_LOSSES
    ) -> npt.NDArray[np.bool_]:
        """Which documents are classified correctly, (2, seeds, documents).

        `losses`, (2, seeds) or (2, 1), is what each training's setting costs in accuracy.
        """
        common = rng.standard_normal((1, 1, documents), np.float32) * np.sqrt(1 - self.taste)
        own = rng.standard_normal((2, 1, documents), np.float32) * np.sqrt(self.taste)
        luck = rng.standard_normal((2, seeds, documents), np.float32) * np.sqrt(self.luck)
        deviation = np.sqrt(1 + self.luck)
        quantiles = stats.norm.ppf(np.array(self.accuracies)[:, None] - losses)  # (2, 1) or (2, seeds)
        # A shift of the threshold by this much moves the accuracy by `seed_spread`.
        shift = self.seed_spread / stats.norm.pdf(quantiles)
        seed = rng.standard_normal((2, seeds)) * shift  # (2, seeds)
        scale = np.sqrt(1 + shift**2)  # keeps the mean accuracy over seeds where it should be
        threshold = deviation * (quantiles * scale + seed)  # (2, seeds)
        return np.asarray(common + own + luck < threshold[:, :, None])


@dataclass(frozen=True)
class Budget:
    """A search for a setting, as it happens: settings differ in accuracy, and their validation scores are noisy.

    Attributes:
        trials: of each search
        alike: whether a setting costs both variants the same, as in an A/A test, where both try the same settings;
            otherwise the two costs are independent of each other, so that settings suit the variants differently
        spread: mean loss of accuracy of a random setting, compared with the best one; exponentially distributed
        documents: of the validation split
    """

    trials: int
    alike: bool
    spread: float = 0.01
    documents: int = 2_000

    def losses(self, rng: np.random.Generator, truth: Truth, searches: int) -> npt.NDArray[np.float64]:
        """What the chosen setting of each search of either variant costs in accuracy, (2, searches)."""
        losses = rng.exponential(self.spread, (1 if self.alike else 2, searches, self.trials))
        losses = np.broadcast_to(losses, (2, searches, self.trials))
        true = np.array(truth.accuracies)[:, None, None] - losses
        of_seed = truth.seed_spread * rng.standard_normal(true.shape)
        scores = rng.binomial(self.documents, np.clip(true + of_seed, 0, 1))
        chosen = scores.argmax(axis=2)[:, :, None]  # the first of the best
        return np.asarray(np.take_along_axis(losses, chosen, axis=2)[:, :, 0])


@dataclass(frozen=True)
class Errors:
    """Shares of many comparisons.

    Attributes:
        detected: share with p < 0.05: false alarms where the accuracies are equal, power where they differ
        covered: share whose 95 % interval holds the true difference, which chosen settings change
    """

    detected: float
    covered: float


def count_errors(
    truth: Truth, seeds: int, documents: int, repeats: int, *, budget: Budget | None = None, searches: int = 1
) -> Errors:
    """Simulates and judges `repeats` comparisons; with a `budget` after 1 search, or one for each seed."""
    rng = np.random.default_rng(0)
    detected = covered = 0
    for _ in range(repeats):
        losses = NO_LOSSES if budget is None else budget.losses(rng, truth, searches)  # (2, searches)
        correct = truth.draw(rng, seeds, documents, losses)
        shares = correct.mean(axis=2)  # (2, seeds)
        result = contrast(shares, covariance((correct - shares[:, :, None]) / documents), (-1, 1), documents)
        low, high = result.interval()
        difference = truth.accuracies[1] - truth.accuracies[0] + float(losses[0].mean() - losses[1].mean())
        detected += result.p_value() < 0.05
        covered += low <= difference <= high
    return Errors(detected / repeats, covered / repeats)


def count_bootstrap_alarms(truth: Truth, seeds: int, documents: int, repeats: int) -> float:
    """How often a percentile bootstrap over seeds and documents calls two equal variants different."""
    rng = np.random.default_rng(0)
    weights = rng.multinomial(documents, np.full(documents, 1 / documents), size=DRAWS).astype(np.float32) / documents
    alarms = 0
    for _ in range(repeats):
        correct = truth.draw(rng, seeds, documents).reshape(2 * seeds, documents).astype(np.float32)
        accuracies = (weights @ correct.T).reshape(DRAWS, 2, seeds)
        chosen = rng.integers(0, seeds, accuracies.shape)
        means = np.take_along_axis(accuracies, chosen, axis=2).mean(axis=2)  # (draws, 2)
        low, high = np.quantile(means[:, 1] - means[:, 0], [0.025, 0.975])
        alarms += not low <= 0 <= high
    return alarms / repeats
