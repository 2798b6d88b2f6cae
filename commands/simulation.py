"""Error rates of the statistics on simulated comparisons with a known true difference. `python -m commands.simulation`.

Prints the tables of docs/statistics.md and docs/tuning.md, the same numbers each time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.comparison.influences import covariance, over_folds
from analysis.comparison.statistics import contrast
from core import command_line
from core.errors import ParamsError

REPEATS = 2000  # the standard error of a share of 5 % is then 0.5 points
BOOTSTRAPS = 500  # repeats of the slower bootstrap
DRAWS = 400  # of one bootstrap
SEEDS = (3, 5)
DOCUMENTS = (500, 2_000, 25_000)
SPREADS = (0.002, 0.005, 0.01)
TRIALS = 20  # of a simulated search
SEARCHED = 4000  # repeats after searches: the standard error of a share of 5 % is then 0.3 points
FOLDS = 10
# Features and documents; the more features, the more does a learner depend on its training documents.
FOLD_CASES = ((50, 300), (50, 1_000), (400, 300))
FOLD_REPEATS = 1000
REPETITIONS = (1, 3)


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
        self, rng: np.random.Generator, seeds: int, documents: int, losses: float | npt.NDArray[np.float64] = 0.0
    ) -> npt.NDArray[np.bool_]:
        """Which documents are classified correctly, (2, seeds, documents).

        `losses`, (2, seeds) or for all, is what each training's setting costs in accuracy.
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
class Errors:
    """Shares of many comparisons.

    Attributes:
        detected: share with p < 0.05: false alarms where the accuracies are equal, power where they differ
        covered: share whose 95 % interval holds the true difference
    """

    detected: float
    covered: float


def count_errors(truth: Truth, seeds: int, documents: int, repeats: int, random_state: int = 0) -> Errors:
    """Simulates and judges `repeats` comparisons."""
    rng = np.random.default_rng(random_state)
    difference = truth.accuracies[1] - truth.accuracies[0]
    detected = covered = 0
    for _ in range(repeats):
        correct = truth.draw(rng, seeds, documents)
        shares = correct.mean(axis=2)  # (2, seeds)
        result = contrast(shares, covariance((correct - shares[:, :, None]) / documents), (-1, 1), documents)
        low, high = result.interval()
        detected += result.p_value() < 0.05
        covered += low <= difference <= high
    return Errors(detected / repeats, covered / repeats)


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
class TunedErrors:
    """Shares of many comparisons of two variants that are equally good under equal settings.

    Attributes:
        detected: share with p < 0.05
        covered: share whose 95 % interval holds the difference between the settings that were chosen
    """

    detected: float
    covered: float


def count_errors_after_tuning(
    truth: Truth, budget: Budget, seeds: int, documents: int, repeats: int, *, searches: int, random_state: int = 0
) -> TunedErrors:
    """Simulates and judges `repeats` comparisons after 1 search, or one for each seed."""
    rng = np.random.default_rng(random_state)
    detected = covered = 0
    for _ in range(repeats):
        losses = budget.losses(rng, truth, searches)  # (2, searches)
        correct = truth.draw(rng, seeds, documents, losses)
        shares = correct.mean(axis=2)  # (2, seeds)
        result = contrast(shares, covariance((correct - shares[:, :, None]) / documents), (-1, 1), documents)
        low, high = result.interval()
        own = float(losses[0].mean() - losses[1].mean())
        detected += result.p_value() < 0.05
        covered += low <= own <= high
    return TunedErrors(detected / repeats, covered / repeats)


def count_bootstrap_alarms(truth: Truth, seeds: int, documents: int, repeats: int, random_state: int = 0) -> float:
    """How often a percentile bootstrap over seeds and documents calls two equal variants different."""
    rng = np.random.default_rng(random_state)
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


@dataclass(frozen=True)
class Learners:
    """Two real, if simple, learners in cross-validations of simulated documents of two classes.

    A learner's weights are the difference of the classes' means over its training documents, plus noise for the luck of
    a seed. Both see features of the same distribution, so both have the same expected accuracy. Trainings on
    overlapping documents have dependent errors, as in practice.

    Attributes:
        shared: correlation of the features of the two learners (1: both are the same, as in an A/A test)
        features: of each document
        distance: from the middle to the mean of either class; the best possible accuracy is its normal quantile
        luck: standard deviation of the noise of a weight
    """

    shared: float = 0.5
    features: int = 50
    distance: float = 1.13
    luck: float = 0.05

    def draw(self, rng: np.random.Generator, documents: int, repetitions: int) -> npt.NDArray[np.bool_]:
        """Which documents are classified correctly, (2, repetitions, documents); document n is in fold n % FOLDS."""
        fold_of = np.arange(documents) % FOLDS
        signs = np.where(np.arange(documents) // FOLDS % 2, 1.0, -1.0)  # of the classes, equally frequent in each fold
        common, *own = rng.standard_normal((3, documents, self.features))
        mean = np.full(self.features, self.distance / np.sqrt(self.features))
        correct = np.empty((2, repetitions, documents), bool)
        for learner in range(2):
            noise = np.sqrt(self.shared) * common + np.sqrt(1 - self.shared) * own[learner]
            points = signs[:, None] * mean + noise  # (documents, features)
            sums = np.stack([(signs * (fold_of == fold)) @ points for fold in range(FOLDS)])  # (folds, features)
            for fold in range(FOLDS):
                rest = [other for other in range(FOLDS) if other not in (fold, (fold + 1) % FOLDS)]
                weights = sums[rest].sum(axis=0) / np.isin(fold_of, rest).sum()  # (features,)
                lucky = weights + self.luck * rng.standard_normal((repetitions, self.features))
                tested = fold_of == fold
                correct[learner][:, tested] = (lucky @ points[tested].T) * signs[tested] > 0
        return correct


@dataclass(frozen=True)
class Alarms:
    """Shares of the cross-validations of two equally good learners with p < 0.05.

    Attributes:
        corrected: by this project's statistics
        paired: by a paired t-test over folds (for the first repetition), as if their trainings shared no documents
        documents: as if the documents were independent
    """

    corrected: float
    paired: float
    documents: float


def count_fold_alarms(
    learners: Learners, documents: int, repetitions: int, repeats: int, random_state: int = 0
) -> Alarms:
    """Simulates and judges `repeats` comparisons."""
    rng = np.random.default_rng(random_state)
    fold_of = np.arange(documents) % FOLDS
    alarms = np.zeros(3)
    for _ in range(repeats):
        correct = learners.draw(rng, documents, repetitions)
        shares = correct.mean(axis=2)  # (2, repetitions)
        influences = (correct - shares[:, :, None]) / documents
        over_documents = covariance(influences)
        folds = over_folds(influences, fold_of, FOLDS)
        of_fold = np.stack([correct[:, 0, fold_of == fold].mean(axis=1) for fold in range(FOLDS)], axis=1)
        apart = of_fold[1] - of_fold[0]  # (folds,)
        alarms += (
            contrast(shares, over_documents, (-1, 1), documents, folds).p_value() < 0.05,
            bool(apart.any()) and stats.ttest_1samp(apart, 0).pvalue < 0.05,
            contrast(shares, over_documents, (-1, 1), documents).p_value() < 0.05,
        )
    return Alarms(*(float(share) for share in alarms / repeats))


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("tables", nargs="*", metavar="table", help=f"{', '.join(TABLES)} (default: all)")
    command_line.run(lambda chosen: print_tables(chosen.tables or list(TABLES)), arguments)


def print_tables(names: Sequence[str]) -> None:
    """Prints these tables as Markdown.

    Raises:
        ParamsError: there is no table of that name.
    """
    for name in names:
        if name not in TABLES:
            raise ParamsError(f"table is {name!r}; allowed: {', '.join(TABLES)}")
    for name in names:
        TABLES[name]()
        print()


def print_bootstrap_table() -> None:
    """Prints the table of docs/statistics.md that says how often the bootstrap errs."""
    print("| seeds | documents | seed spread | A/A alarms of the bootstrap |")
    print("| --: | --: | --: | --: |")
    for seeds, documents in product(SEEDS, DOCUMENTS):
        share = count_bootstrap_alarms(Truth(), seeds, documents, BOOTSTRAPS)
        print(f"| {seeds} | {documents:,} | 0.5 points | {100 * share:.1f} % |", flush=True)


def print_method_table() -> None:
    """Prints the table of docs/statistics.md that says how often the method errs."""
    print("| seeds | documents | seed spread | A/A alarms | equal alarms | covered | finds 1 point | finds 2 points |")
    print("| --: | --: | --: | --: | --: | --: | --: | --: |")
    for seeds, documents, spread in product(SEEDS, DOCUMENTS, SPREADS):
        itself = count_errors(Truth(seed_spread=spread), seeds, documents, REPEATS)
        equal = count_errors(Truth(seed_spread=spread, taste=0.2), seeds, documents, REPEATS)
        one, two = (
            count_errors(Truth((0.87, 0.87 + gain), spread, taste=0.2), seeds, documents, REPEATS)
            for gain in (0.01, 0.02)
        )
        shares = (itself.detected, equal.detected, one.covered, one.detected, two.detected)
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        print(f"| {seeds} | {documents:,} | {100 * spread:.1f} points | {cells} |", flush=True)


def print_folds_table() -> None:
    """Prints the table of docs/statistics.md that says how often cross-validations err."""
    print("| features | documents | repetitions | A/A alarms | equal alarms | paired t-test | independent documents |")
    print("| --: | --: | --: | --: | --: | --: | --: |")
    for (features, documents), repetitions in product(FOLD_CASES, REPETITIONS):
        itself, equal = (
            count_fold_alarms(Learners(shared, features), documents, repetitions, FOLD_REPEATS)
            for shared in (1.0, Learners.shared)
        )
        shares = (itself.corrected, equal.corrected, equal.paired, equal.documents)
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        print(f"| {features} | {documents:,} | {repetitions} | {cells} |", flush=True)


def print_tuning_table() -> None:
    """Prints the table of docs/tuning.md."""
    print(
        "| a setting costs | seeds | test documents | alarms, one search | covered | alarms, a search for each seed |"
    )
    print("| --- | --: | --: | --: | --: | --: |")
    alike_cases, apart_cases = (product([True], (3, 5, 10), (2_000, 25_000)), product([False], (3, 5, 10), [2_000]))
    for alike, seeds, documents in (*alike_cases, *apart_cases):
        once, repeated = (
            count_errors_after_tuning(
                Truth(taste=0.2), Budget(TRIALS, alike), seeds, documents, SEARCHED, searches=searches
            )
            for searches in (1, seeds)
        )
        kind = "the same for both" if alike else "independent"
        shares = " | ".join(f"{100 * share:.1f} %" for share in (once.detected, once.covered, repeated.detected))
        print(f"| {kind} | {seeds} | {documents:,} | {shares} |", flush=True)


TABLES = {
    "tuning": print_tuning_table,
    "folds": print_folds_table,
    "bootstrap": print_bootstrap_table,
    "method": print_method_table,
}


if __name__ == "__main__":
    main()
