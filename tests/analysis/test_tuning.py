"""What the budget of a search buys: the estimators against all choices of trials, and the sentences."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from analysis.comparison.metrics import metric_named
from analysis.tuning.figures import tuning_panels
from analysis.tuning.phrases import (
    how_it_was_searched,
    how_sure_the_choice_is,
    what_lies_at_an_end,
    what_more_trials_buy,
)
from analysis.tuning.search import Search, Tuning, best_quantile, expected_best
from config.tuning import Range

RANGE = Range(low=0.001, high=0.01, log=True)
SCORES = [0.71, 0.83, 0.64, 0.83, 0.9, 0.52]


def make_tuning(scores: dict[str, list[float | None]], metric: str = "accuracy", documents: int = 100) -> Tuning:
    settings = [{"learning_rate": 0.001 * (number + 1), "pooling": "max"} for number in range(len(SCORES))]
    searches = {name: Search(settings, each, [4], {}, [{}] * len(each)) for name, each in scores.items()}
    return Tuning(
        metric_named(metric), len(SCORES), 1, "random", (2, 2), documents, 100, {"learning_rate": RANGE}, searches
    )


@pytest.mark.parametrize("budget", range(1, len(SCORES) + 1))
def test_the_expected_best_is_the_mean_over_all_choices_of_so_many_trials(budget: int) -> None:
    best = [max(chosen) for chosen in combinations(SCORES, budget)]
    assert expected_best(SCORES, budget) == pytest.approx(np.mean(best))


@pytest.mark.parametrize("budget", range(1, len(SCORES) + 1))
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_the_bands_ends_are_quantiles_of_these_choices(budget: int, share: float) -> None:
    best = [max(chosen) for chosen in combinations(SCORES, budget)]
    assert best_quantile(SCORES, budget, share) == np.quantile(best, share, method="inverted_cdf")


def test_it_is_unbiased_where_drawing_with_replacement_is_too_low() -> None:
    """The best of 5 uniform numbers is 5/6 on average; seen through samples of 10 of them."""
    rng = np.random.default_rng(0)
    samples = rng.random((4000, 10))
    without = [expected_best(sample.tolist(), 5) for sample in samples]
    ranks = np.arange(1, 11)
    dodge = np.sort(samples, axis=1) @ ((ranks / 10) ** 5 - ((ranks - 1) / 10) ** 5)
    assert np.mean(without) == pytest.approx(5 / 6, abs=0.005)
    assert np.mean(dodge) < 5 / 6 - 0.03


def test_thousands_of_trials_are_no_problem() -> None:
    values = np.linspace(0, 1, 5000).tolist()
    assert expected_best(values, 2500) == pytest.approx(2500 / 2501, abs=1e-3)


def test_of_a_loss_the_best_is_the_lowest_and_the_band_is_not_upside_down() -> None:
    curve = make_tuning({"lstm": list(SCORES)}, "loss").curve("lstm")
    assert curve.means[0] == pytest.approx(np.mean(SCORES))
    assert curve.means[-1] == min(SCORES)
    assert all(low <= mean <= high for low, mean, high in zip(curve.low, curve.means, curve.high, strict=True))


def test_a_failed_trial_costs_as_much_as_the_worst_one() -> None:
    with_failure = make_tuning({"lstm": [*SCORES[:-1], None]}).curve("lstm")
    worst = min(SCORES[:-1])
    assert with_failure.means == make_tuning({"lstm": [*SCORES[:-1], worst]}).curve("lstm").means


def test_the_sentences_name_budget_subset_and_failures() -> None:
    tuning = make_tuning({"lstm": list(SCORES), "bilstm": [*SCORES[:-1], None]}, documents=40)
    words = how_it_was_searched(tuning)
    assert words.startswith("Every variant got 6 trials by random search over learning_rate and pooling, on the same")
    assert "Trials learned from 40 of the 100 training documents" in words
    assert "The loss of some trials was not finite (1 of bilstm)" in words
    words = what_more_trials_buy(tuning, None)
    assert words.startswith("From 3 to 6 trials the expected best validation accuracy changes by")


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_a_search_has_levelled_off_if_more_trials_gain_no_more_than_seeds_differ(metric: str) -> None:
    tuning = make_tuning({"lstm": list(SCORES)}, metric)
    means = tuning.curve("lstm").means
    gain = abs(means[-1] - means[2])
    assert "the search has not levelled off, and more trials" in what_more_trials_buy(tuning, 0.9 * gain)
    assert what_more_trials_buy(tuning, 1.1 * gain).endswith("the search has levelled off.")


def test_trials_that_came_as_near_to_the_best_as_seeds_differ_are_counted() -> None:
    tuning = make_tuning({"lstm": list(SCORES), "bilstm": [0.9, *SCORES[1:-1], None]})  # the best one is 0.9
    assert "one standard deviation over seeds (7.5 points) of the best one: 2 of lstm and 3 of bilstm." in (
        how_sure_the_choice_is(tuning, 0.075)
    )
    assert how_sure_the_choice_is(make_tuning({"lstm": list(SCORES)}), 0.01).startswith("No other trial came within")
    assert how_sure_the_choice_is(tuning, None) == ""


def test_a_chosen_value_at_an_end_of_its_range_is_named() -> None:
    inside = make_tuning({"lstm": list(SCORES)})
    assert what_lies_at_an_end(inside) == ""  # 0.005 of 0.001 to 0.01
    narrow = replace(inside, ranges={"learning_rate": Range(low=0.001, high=0.0052)})
    assert what_lies_at_an_end(narrow).startswith(
        "Chosen at an end of its range: learning_rate of lstm, 0.005, at the upper"
    )


def test_there_is_a_panel_for_the_budget_and_for_each_key_and_for_importances_if_there_are_any() -> None:
    panels = [panel.title for panel in tuning_panels(make_tuning({"lstm": list(SCORES)}))]
    assert panels == [
        "expected best validation accuracy, %",
        "validation accuracy, %, by learning_rate",
        "validation accuracy, %, by pooling",
    ]
