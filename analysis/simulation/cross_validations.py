"""Simulated cross-validations of two learners, whose trainings share documents: how often the statistics err."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.comparison.influences import covariance, over_folds
from analysis.comparison.statistics import contrast

FOLDS = 10


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


def count_fold_alarms(learners: Learners, documents: int, repetitions: int, repeats: int) -> Alarms:
    """Simulates and judges `repeats` comparisons."""
    rng = np.random.default_rng(0)
    fold_of = np.arange(documents) % FOLDS
    alarms = np.zeros(3)
    for _ in range(repeats):
        correct = learners.draw(rng, documents, repetitions)
        shares = correct.mean(axis=2)  # (2, repetitions)
        influences = (correct - shares[:, :, None]) / documents
        over_documents = covariance(influences)
        folds = over_folds(influences, fold_of, FOLDS)
        of_fold = np.stack([correct[:, 0, fold_of == fold].mean(axis=1) for fold in range(FOLDS)], axis=1)
        gaps = of_fold[1] - of_fold[0]  # (folds,)
        alarms += (
            contrast(shares, over_documents, (-1, 1), documents, folds).p_value() < 0.05,
            bool(gaps.any()) and stats.ttest_1samp(gaps, 0).pvalue < 0.05,
            contrast(shares, over_documents, (-1, 1), documents).p_value() < 0.05,
        )
    return Alarms(*(float(share) for share in alarms / repeats))
