import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.comparison.influences import covariance
from analysis.comparison.metrics import metric_named
from analysis.comparison.statistics import Contrast, contrast, holm, mcnemar, wilson
from analysis.simulation.variants import Budget, Truth, count_errors

NO_COVARIANCE = np.zeros((2, 3, 2, 3))
ENDLESS = 10**9  # documents, so that their choice plays no part


def three_standard_errors(share: float, repeats: int) -> float:
    return 3 * float(np.sqrt(share * (1 - share) / repeats))


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("documents", [200, 4000])
@pytest.mark.parametrize("taste", [0.0, 0.3])
def test_equal_variants_are_told_apart_in_at_most_5_percent(seeds: int, documents: int, taste: float) -> None:
    errors = count_errors(Truth(taste=taste), seeds, documents, repeats=300)

    assert errors.detected <= 0.05 + three_standard_errors(0.05, 300)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("documents", [200, 4000])
def test_intervals_hold_the_true_difference_in_95_percent(seeds: int, documents: int) -> None:
    errors = count_errors(Truth((0.8, 0.83), taste=0.3), seeds, documents, repeats=300)

    assert errors.covered >= 0.95 - three_standard_errors(0.95, 300)


def test_a_clear_difference_is_found() -> None:
    assert count_errors(Truth((0.8, 0.84), taste=0.3), seeds=5, documents=4000, repeats=100).detected > 0.95


def test_a_design_has_80_percent_power_to_detect_its_smallest_detectable_difference() -> None:
    rng = np.random.default_rng(0)
    correct = Truth(taste=0.3).draw(rng, seeds=200, documents=1000)  # so many seeds that their spread is known
    shares = correct.mean(axis=2)
    known = contrast(shares, covariance((correct - shares[:, :, None]) / 1000), (-1, 1), 1000)

    truth = Truth((0.87, 0.87 + known.smallest_detectable()), taste=0.3)
    detected = count_errors(truth, 20, 1000, repeats=150).detected

    assert detected >= 0.8 - 0.25  # 20 seeds instead of 200 cost some of it
    assert detected <= 0.95


def test_with_endless_documents_it_is_welchs_t_test_over_seeds() -> None:
    values = np.array([[0.80, 0.82, 0.81], [0.83, 0.86, 0.82]])

    estimate = contrast(values, NO_COVARIANCE, (-1, 1), ENDLESS)
    welch = stats.ttest_ind(values[1], values[0], equal_var=False)

    assert estimate.value == pytest.approx(values[1].mean() - values[0].mean())
    assert estimate.p_value() == pytest.approx(welch.pvalue)
    assert estimate.interval() == pytest.approx(tuple(welch.confidence_interval()))


def test_with_one_seed_it_is_the_paired_test_over_documents() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 1, 5000)) + rng.normal(size=5000)  # documents that are hard for both
    means = scores.mean(axis=2)

    estimate = contrast(means, covariance((scores - means[:, :, None]) / 5000), (-1, 1), 5000)

    assert estimate.p_value() == pytest.approx(stats.ttest_rel(scores[1, 0], scores[0, 0]).pvalue, rel=1e-3)
    assert estimate.probability_positive_for_fresh_seeds() is None
    assert estimate.seeds_to_tell() is None


def test_one_document_of_difference_in_few_is_no_certainty() -> None:
    correct = np.array([[[1.0] * 9 + [0.0]], [[1.0] * 10]])  # (2, 1, 10)
    means = correct.mean(axis=2)

    estimate = contrast(means, covariance((correct - means[:, :, None]) / 10), (-1, 1), 10)

    assert estimate.p_value() > 0.3


def test_equal_predictions_give_no_difference_and_a_p_value_of_1() -> None:
    estimate = contrast(np.full((2, 3), 0.9), NO_COVARIANCE, (-1, 1), 1000)

    assert estimate.value == 0
    assert estimate.p_value() == 1
    assert estimate.probability_positive_for_fresh_seeds() == 0.5


def test_equal_losses_of_every_document_give_no_difference_either() -> None:
    estimate = contrast(np.full((2, 3), 0.2), NO_COVARIANCE, (-1, 1), 1000, counted=False)

    assert estimate.interval() == pytest.approx((0, 0), abs=1e-11)
    assert estimate.p_value() == 1
    assert estimate.probability_positive_for_fresh_seeds() == 0.5


def test_a_small_difference_of_losses_is_found_however_few_the_documents() -> None:
    values = np.array([[0.00039, 0.00040, 0.00041], [0.00010, 0.00011, 0.00012]])

    assert contrast(values, NO_COVARIANCE, (-1, 1), 400).p_value() > 0.5
    assert contrast(values, NO_COVARIANCE, (-1, 1), 400, counted=False).p_value() < 0.001


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_error_in_400_documents_is_no_certainty(share: float) -> None:
    mean = contrast(np.full((1, 1), share), np.zeros((1, 1, 1, 1)), [1.0], 400)

    low, high = mean.share_interval(400)

    exact = stats.binomtest(round(400 * share), 400).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-4)


def test_among_several_comparisons_it_takes_a_larger_difference_and_more_seeds() -> None:
    spread = np.array([-0.01, 0.0, 0.01], np.float64)
    estimate = contrast(np.array([0.8 + spread, 0.82 + spread], np.float64), NO_COVARIANCE, (-1, 1), ENDLESS)

    # By the textbook: the quantiles of the stricter level and of the power, in standard errors.
    reach = stats.t.ppf([1 - 0.05 / 2 / 4, 0.8], estimate.degrees_of_freedom).sum() * estimate.standard_error
    assert estimate.smallest_detectable(4) == pytest.approx(reach)
    one, four = estimate.seeds_to_tell(), estimate.seeds_to_tell(4)
    assert one is not None
    assert four is not None
    assert one < four


def test_fewer_seeds_tell_a_larger_difference() -> None:
    spread = np.array([-0.01, 0.0, 0.01], np.float64)

    def seeds_to_tell(gain: float) -> int | None:
        values = np.array([0.8 + spread, 0.8 + gain + spread], np.float64)
        return contrast(values, NO_COVARIANCE, (-1, 1), ENDLESS).seeds_to_tell()

    small, large = seeds_to_tell(0.01), seeds_to_tell(0.05)

    assert small is not None
    assert large is not None
    assert large < small
    # The textbook's sample size for two groups: 2 (1.96 + 0.84)² (deviation / difference)², and a little for t.
    assert small == pytest.approx(2 * 2.8**2, abs=2)


def test_no_number_of_seeds_tells_what_the_documents_are_too_few_for() -> None:
    values = np.array([[0.80, 0.81, 0.82], [0.801, 0.811, 0.821]])
    documents = np.zeros((2, 3, 2, 3))
    documents[0, :, 0, :] = documents[1, :, 1, :] = 0.01**2  # the same for all seeds of a variant

    assert contrast(values, documents, (-1, 1), 500).seeds_to_tell() is None


def test_a_variance_of_0_that_rounding_makes_negative_is_0() -> None:
    documents = np.full((2, 3, 2, 3), 0.1)
    documents[0, :, 1, :] = documents[1, :, 0, :] = 0.1 + 1e-12
    estimate = contrast(np.full((2, 3), 0.2), documents, (-1, 1), 50, counted=False)
    assert estimate.standard_error > 0
    assert estimate.p_value() == 1


@pytest.mark.parametrize("spread", [0.002, 0.01, 0.02])
def test_it_never_asks_for_fewer_documents_than_there_are_where_these_are_too_few(spread: float) -> None:
    values = np.array([0.80 + np.array([-spread, 0, spread]), 0.803 + np.array([-spread, 0, spread])])
    for documents in range(100, 40_000, 500):
        shared = np.zeros((2, 3, 2, 3))
        shared[0, :, 0, :] = shared[1, :, 1, :] = 0.16 / documents
        estimate = contrast(values, shared, (-1, 1), documents)
        needed = estimate.documents_to_tell(documents)
        assert estimate.seeds_to_tell() is not None or needed is None or needed >= documents


def test_as_many_documents_as_it_says_let_a_hundred_seeds_tell() -> None:
    spread = np.resize([-0.005, 0.005], 100)
    values = np.array([0.80 + spread, 0.804 + spread])

    def estimate(documents: int) -> Contrast:
        shared = np.zeros((2, 100, 2, 100))
        shared[0, :, 0, :] = shared[1, :, 1, :] = 0.16 / documents
        return contrast(values, shared, (-1, 1), documents)

    enough = estimate(1_000).documents_to_tell(1_000)

    assert enough is not None
    assert estimate(1_000).seeds_to_tell() is None
    assert (
        estimate(int(1.02 * enough)).smallest_detectable() < 0.004 < estimate(int(0.98 * enough)).smallest_detectable()
    )


def test_no_number_of_documents_tells_what_seeds_vary_too_much_for() -> None:
    values = np.array([[0.7, 0.8, 0.9], [0.701, 0.801, 0.901]])

    assert contrast(values, NO_COVARIANCE, (-1, 1), ENDLESS).documents_to_tell(ENDLESS) is None
    assert contrast(values[:, :1], NO_COVARIANCE[:, :1, :, :1], (-1, 1), 500).documents_to_tell(500) is None


def test_no_difference_is_larger_than_the_metric_allows() -> None:
    accuracy, loss = metric_named("accuracy"), metric_named("loss")
    assert accuracy.bounded_gap(-2.2, 2.6) == (-1, 1)
    assert accuracy.bounded_gap(-0.2, 0.6) == (-0.2, 0.6)
    assert loss.bounded_gap(-2.2, 2.6) == (-2.2, 2.6)


def test_mcnemar_counts_the_documents_that_only_one_got_right() -> None:
    both, neither = [True, True, False], [True, True, False]

    assert mcnemar(np.array([*both, True, True, True]), np.array([*neither, False, False, False])) == 2 * 0.5**3
    assert mcnemar(np.array(both), np.array(both)) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)

    for before, after in zip(p_values, corrected, strict=True):
        assert before <= after <= 1
    assert [corrected[i] for i in np.argsort(p_values, kind="stable")] == sorted(corrected)


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_wilsons_interval_holds_the_share_and_stays_within_0_and_1(share: float, documents: int) -> None:
    low, high = wilson(share, documents, 1.96)

    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1


def test_wilsons_interval_of_a_textbook_case() -> None:
    assert wilson(0.5, 10, 1.959964) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_with_a_search_for_each_seed_a_comparison_keeps_its_error_rate_and_with_one_search_its_condition() -> None:
    """After one search the interval covers the chosen settings; to call that a property of the variants errs."""
    truth, budget = Truth(taste=0.2), Budget(trials=10, alike=False)
    once, repeated = (
        count_errors(truth, 5, 4000, repeats=200, budget=budget, searches=searches) for searches in (1, 5)
    )
    assert repeated.detected <= 0.07  # 5 % and 1.3 standard errors
    assert once.covered >= 0.91
    assert once.detected > 0.08


def test_more_trials_find_better_settings() -> None:
    rng, truth = np.random.default_rng(0), Truth()
    few, many = (
        np.mean([Budget(trials, alike=True).losses(rng, truth, 1).mean() for _ in range(200)]) for trials in (2, 20)
    )
    assert 0 < many < 0.7 * few
