"""A variant is rarely called different from itself, and the numbers are those of the comparison of two variants."""

from dataclasses import replace
from math import comb

import numpy as np
import pytest

from analysis.comparison.differences import compare
from analysis.comparison.false_alarms import against_itself, split_in_two
from analysis.comparison.metrics import METRICS, Metric
from tests.analysis.test_comparison import make_experiment


@pytest.mark.parametrize(("number", "size"), [(4, 2), (6, 3), (7, 2)])
def test_every_pair_of_groups_comes_once(number: int, size: int) -> None:
    pairs = [frozenset((first, second)) for first, second in split_in_two(number, size)]
    assert len(set(pairs)) == len(pairs) == comb(number, size) * comb(number - size, size) // 2
    assert all(not set(first) & set(second) for first, second in split_in_two(number, size))


@pytest.mark.parametrize("metric", [each for each in METRICS if each.key in ("accuracy", "loss")], ids=str)
def test_a_split_gives_the_numbers_of_a_comparison_of_two_variants(metric: Metric) -> None:
    rng = np.random.default_rng(5)
    own = np.clip(0.6 + 0.3 * rng.standard_normal((1, 6, 40)), 0.01, 0.99)
    first, *_ = against_itself(replace(make_experiment(own, ["lstm"]), metric=metric), 3)
    as_two = compare(replace(make_experiment(own[0].reshape(2, 3, 40)[::-1], ["second", "first"]), metric=metric))
    difference = as_two.differences["first"][metric.key]
    assert (first.first, first.second) == ((0, 1, 2), (3, 4, 5))
    assert first.difference == pytest.approx(difference.value)
    assert first.p_value == pytest.approx(difference.p_value)


def test_alarms_are_rare_without_a_difference_and_frequent_with_one() -> None:
    rng = np.random.default_rng(1)
    hard = rng.standard_normal(2000)
    own = 1 / (1 + np.exp(-(1.0 + hard + 0.5 * rng.standard_normal((1, 8, 2000)))))
    alike = make_experiment(own, ["lstm"])
    assert np.mean([split.p_value < 0.05 for split in against_itself(alike, 4)]) <= 0.1
    better = own.copy()
    better[:, :4] = np.clip(better[:, :4] + 0.2, 0, 0.999)
    different = replace(alike, probabilities=make_experiment(better, ["lstm"]).probabilities)
    assert next(iter(against_itself(different, 4))).p_value < 0.01
