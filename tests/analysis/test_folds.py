"""The statistics of a cross-validation: the corrected resampled t-test, and more cautious where documents demand it."""

import numpy as np
import pytest
from scipy import stats

from analysis.comparison.influences import covariance, document_influences, over_folds
from analysis.comparison.statistics import OverFolds, contrast
from analysis.simulation.cross_validations import Learners, count_fold_alarms

FOLDS, PER_FOLD = 10, 50
FOLD_OF = np.repeat(np.arange(FOLDS), PER_FOLD)


def made_up_predictions(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) and probabilities (2 variants, n, 2) whose accuracy varies by fold."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, FOLDS * PER_FOLD)
    skill = np.stack([np.full(FOLDS, 0.8), 0.8 + rng.normal(0.03, 0.08, FOLDS)])[:, FOLD_OF]  # (2, n)
    right = rng.random(skill.shape) < skill
    positive = np.where(right == (labels == 1), 0.9, 0.1)
    return labels, np.stack([1 - positive, positive], axis=2).astype(np.float32)


def test_the_p_value_is_that_of_the_corrected_resampled_t_test() -> None:
    labels, probabilities = made_up_predictions(3)
    correct = probabilities.argmax(axis=2) == labels  # (2, n)
    influences = np.stack([document_influences(labels, run)["accuracy"] for run in probabilities])[:, None]
    folds = over_folds(influences, FOLD_OF, FOLDS)
    values = correct.mean(axis=1)[:, None]
    result = contrast(values, covariance(influences) * 0, (-1, 1), len(labels), folds)

    gaps = (correct[1].astype(float) - correct[0]).reshape(FOLDS, PER_FOLD).mean(axis=1)  # (folds,)
    ratio = PER_FOLD / (PER_FOLD * (FOLDS - 2))  # of test and training documents
    error = np.sqrt((1 / FOLDS + ratio) * gaps.var(ddof=1) + 1 / len(labels) ** 2)
    assert result.value == pytest.approx(gaps.mean())
    assert result.standard_error == pytest.approx(error)
    assert result.p_value() == pytest.approx(2 * stats.t.sf(abs(gaps.mean()) / error, FOLDS - 1))


def test_the_error_over_documents_is_the_least() -> None:
    """Stratified folds may agree by design: a constant answer is as often right in each."""
    labels = np.tile([0, 1], FOLDS * PER_FOLD // 2)
    constant = np.tile(np.array([0.6, 0.4], np.float32), (len(labels), 1))
    influences = document_influences(labels, constant)["accuracy"][None, None]
    folds = over_folds(influences, FOLD_OF, FOLDS)
    assert folds is not None
    assert folds.covariance == pytest.approx(0)
    result = contrast(np.array([[0.5]]), covariance(influences), [1.0], len(labels), folds)
    assert result.standard_error == pytest.approx(np.sqrt(0.25 / len(labels)), rel=0.01)
    assert result.degrees_of_freedom == FOLDS - 1


def test_repetitions_add_their_own_variance_and_the_folds_limit_the_degrees_of_freedom() -> None:
    values = np.array([[0.8, 0.8, 0.8], [0.9, 0.8, 0.85]])
    nothing = np.zeros((2, 3, 2, 3))
    spread = np.full((2, 3, 2, 3), 1e-4) * np.array([[1.0, 0.5], [0.5, 1.0]])[:, None, :, None]
    result = contrast(values, nothing, (-1, 1), 10_000, OverFolds(spread, FOLDS))
    seeds = values[1].var(ddof=1) / 3
    assert result.standard_error**2 == pytest.approx(seeds + 1e-4, rel=1e-3)
    expected = (seeds + 1e-4) ** 2 / (seeds**2 / 2 + 1e-8 / (FOLDS - 1))
    assert result.degrees_of_freedom == pytest.approx(expected, rel=1e-3)


def test_without_folds_there_is_no_such_covariance() -> None:
    assert over_folds(np.zeros((2, 1, 5)), None, None) is None


def test_equal_learners_are_seldom_told_apart_although_their_trainings_share_documents() -> None:
    """With few documents and many features, a learner depends on them; tests that ignore this err too often."""
    alarms = count_fold_alarms(Learners(features=100), documents=100, repetitions=1, repeats=300)
    three_standard_errors = 3 * np.sqrt(0.05 * 0.95 / 300)
    assert alarms.corrected <= 0.05 + three_standard_errors
    assert alarms.paired > alarms.corrected
    assert alarms.documents > alarms.corrected


def test_a_simulated_learner_is_not_tested_on_what_it_learned() -> None:
    """With more features than documents it would know its training documents by heart."""
    correct = Learners(features=400, distance=0.0).draw(np.random.default_rng(1), 200, 2)
    assert correct.shape == (2, 2, 200)
    assert correct.mean() == pytest.approx(0.5, abs=0.1)
