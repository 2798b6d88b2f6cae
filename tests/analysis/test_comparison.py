import numpy as np
import pytest
from scipy import stats

from analysis.comparison.differences import compare
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import metric_named


def make_experiment(own: np.ndarray, variants: list[str]) -> Experiment:
    """Trainings that give the right one of two classes the probability `own` (variants, seeds, n)."""
    labels = np.arange(own.shape[2]) % 2
    probabilities = np.where(labels[:, None] == [0, 1], own[..., None], 1 - own[..., None]).astype(np.float32)
    return Experiment(
        data="made up",
        classes=["no", "yes"],
        variants=variants,
        baseline=variants[0],
        metric=metric_named("accuracy"),
        seeds=list(range(own.shape[1])),
        labels=labels,
        probabilities=probabilities,
        histories=[],
        parameters={},
        matching="hidden_size",
        hidden_sizes={},
        costs={},
        columns={},
        documents=[],
    )


@pytest.fixture
def three_variants() -> Experiment:
    """Of which the second is better than the first, and the third is like it."""
    rng = np.random.default_rng(0)
    hard = rng.normal(size=800)
    skill = np.array([0.8, 1.4, 0.8])[:, None, None]
    scores = skill + 0.05 * rng.normal(size=(3, 4, 1)) + hard + 0.5 * rng.normal(size=(3, 4, 800))
    return make_experiment(1 / (1 + np.exp(-scores)), ["lstm", "bilstm", "gru"])


def test_means_deviations_and_differences_are_those_over_seeds(three_variants: Experiment) -> None:
    comparison = compare(three_variants)

    accuracies = three_variants.correct.mean(axis=2)  # (variants, seeds)
    assert comparison.scores["lstm"]["accuracy"].values == pytest.approx(accuracies[0].tolist())
    assert comparison.scores["lstm"]["accuracy"].deviation == pytest.approx(np.std(accuracies[0], ddof=1))
    assert comparison.differences["gru"]["accuracy"].value == pytest.approx(accuracies[2].mean() - accuracies[0].mean())


def test_the_better_variant_is_found_and_the_equal_one_is_not(three_variants: Experiment) -> None:
    comparison = compare(three_variants)

    assert comparison.differences["bilstm"]["accuracy"].p_value_corrected < 0.01
    assert comparison.differences["bilstm"]["accuracy"].seeds_won == 4
    assert comparison.differences["gru"]["accuracy"].p_value_corrected > 0.05


def test_a_lower_loss_counts_as_better(three_variants: Experiment) -> None:
    loss = compare(three_variants).differences["bilstm"]["loss"]

    assert loss.value < 0
    assert loss.seeds_won == 4
    assert loss.probability_fresh_better is not None
    assert loss.probability_fresh_better > 0.9


def test_two_comparisons_with_the_baseline_are_corrected_for(three_variants: Experiment) -> None:
    differences = [compare(three_variants).differences[name]["accuracy"] for name in ("bilstm", "gru")]
    smaller, larger = sorted(differences, key=lambda difference: difference.p_value)

    assert smaller.p_value_corrected == pytest.approx(min(2 * smaller.p_value, 1))
    assert larger.p_value_corrected == max(larger.p_value, smaller.p_value_corrected)


def test_no_interval_of_a_score_goes_beyond_what_the_metric_can_reach() -> None:
    own = np.full((2, 2, 100), 0.9)
    own[0, 0, :20] = 0.1  # accuracies of 80 and 100 %: two seeds know their spread badly

    score = compare(make_experiment(own, ["lstm", "bilstm"])).scores["lstm"]["accuracy"]

    assert score.mean == pytest.approx(0.9)
    assert 0.0 <= score.low < 0.1
    assert 0.99 < score.high <= 1.0


def test_mcnemar_is_made_of_the_pair_of_each_seed(three_variants: Experiment) -> None:
    lstm, bilstm, _ = three_variants.correct[:, 0]  # of the first seed
    only_bilstm, only_lstm = int((bilstm & ~lstm).sum()), int((lstm & ~bilstm).sum())

    p_values = compare(three_variants).mcnemar["bilstm"]

    assert len(p_values) == 4
    assert p_values[0] == pytest.approx(stats.binomtest(only_bilstm, only_bilstm + only_lstm).pvalue)


def test_confusion_counts_are_means_over_seeds(three_variants: Experiment) -> None:
    confusion = compare(three_variants).confusion["lstm"]

    assert confusion.sum(axis=1).tolist() == [400, 400]
    assert np.trace(confusion) == pytest.approx(three_variants.correct[0].sum() / 4)
