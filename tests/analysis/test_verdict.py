from dataclasses import replace

import numpy as np
import pytest

from analysis.comparison import Comparison, Difference, Score
from analysis.experiment import Experiment
from analysis.verdict import judge

CLEAR = Difference(
    value=0.012, low=0.006, high=0.018, p_value=0.002, p_value_corrected=0.002, smallest_detectable=0.009,
    probability_fresh_better=0.94, seeds_won=5, seeds_to_tell=3,
)  # fmt: skip
UNCLEAR = replace(CLEAR, value=0.003, low=-0.004, high=0.01, p_value=0.3, p_value_corrected=0.3, seeds_to_tell=40)


def make_experiment(variants: list[str], seeds: int) -> Experiment:
    return Experiment(
        data="imdb",
        classes=["neg", "pos"],
        variants=variants,
        baseline=variants[0],
        seeds=list(range(seeds)),
        labels=np.zeros(25000, int),
        probabilities=np.zeros((len(variants), seeds, 0, 2), np.float32),
        histories=[],
        parameters={variant: {"total": 1000 * (index + 2)} for index, variant in enumerate(variants)},
        matching="hidden_size",
        hidden_sizes=dict.fromkeys(variants, 64),
        costs={variant: [] for variant in variants},
        columns={},
        documents=[],
    )


def make_comparison(experiment: Experiment, differences: list[Difference]) -> Comparison:
    score = Score([0.87] * len(experiment.seeds), 0.87, 0.002, 0.864, 0.876)
    return Comparison(
        scores={variant: {"accuracy": score} for variant in experiment.variants},
        differences={
            variant: {"accuracy": found} for variant, found in zip(experiment.others, differences, strict=True)
        },
        mcnemar={},
        confusion={},
    )


def say(variants: list[str], seeds: int, *differences: Difference) -> tuple[str, str]:
    experiment = make_experiment(variants, seeds)
    verdict = judge(experiment, make_comparison(experiment, list(differences)))
    return verdict.headline, " ".join(verdict.details)


def test_a_clear_difference_names_who_is_better_by_how_much_and_how_surely() -> None:
    headline, details = say(["lstm", "bilstm"], 5, CLEAR)

    assert headline == (
        "bilstm is better than lstm on imdb: +1.2 points of test accuracy (95 % interval +0.6 to +1.8, p = 0.002)."
    )
    assert "5 seeds and 25,000 test documents" in details
    assert "A fresh bilstm beats a fresh lstm with a probability of 94 %" in details
    assert "At the same hidden size (64), bilstm needs 1.50 × the parameters of lstm" in details


def test_a_clear_loss_is_called_worse() -> None:
    headline, _ = say(["lstm", "bilstm"], 5, replace(CLEAR, value=-0.012, low=-0.018, high=-0.006))

    assert headline.startswith("bilstm is worse than lstm on imdb: −1.2 points")


def test_what_cannot_be_told_says_how_many_seeds_could_tell() -> None:
    headline, details = say(["lstm", "bilstm"], 5, UNCLEAR)

    assert headline.startswith("It cannot be told whether bilstm or lstm is better on imdb: +0.3 points")
    assert "finds true differences of 0.9 points or more" in details
    assert "about 40 seeds could tell" in details


def test_what_no_number_of_seeds_can_tell_asks_for_documents() -> None:
    _, details = say(["lstm", "bilstm"], 5, replace(UNCLEAR, seeds_to_tell=None))

    assert "needs more test documents, not only more seeds" in details


@pytest.mark.parametrize("difference", [CLEAR, UNCLEAR])
def test_one_seed_is_never_taken_for_a_property_of_the_variant(difference: Difference) -> None:
    headline, details = say(
        ["lstm", "bilstm"], 1, replace(difference, probability_fresh_better=None, seeds_to_tell=None)
    )

    assert not headline.startswith("bilstm is better")
    assert "Train three or more" in details
    assert "could tell" not in details


def test_several_variants_are_each_held_against_the_baseline_with_corrected_p_values() -> None:
    headline, details = say(["lstm", "bilstm", "gru"], 5, replace(CLEAR, p_value_corrected=0.004), UNCLEAR)

    assert headline == (
        "On imdb, held against lstm in test accuracy: bilstm is better (+1.2 points), "
        "for gru it cannot be told (+0.3 points)."
    )
    assert "p = 0.004 after Holm's correction" in details


def test_significance_is_judged_after_the_correction() -> None:
    headline, _ = say(["lstm", "bilstm", "gru"], 5, replace(CLEAR, p_value=0.03, p_value_corrected=0.06), UNCLEAR)

    assert "for bilstm it cannot be told" in headline


def test_a_single_variant_is_reported_without_a_comparison() -> None:
    headline, details = say(["lstm"], 3)

    assert headline == "lstm reaches 87.0 % test accuracy on imdb (95 % interval 86.4 to 87.6)."
    assert "no other variant" in details
