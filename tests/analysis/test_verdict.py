from dataclasses import replace

import numpy as np
import pytest

from analysis.comparison.differences import Comparison, Difference, Score
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import metric_named
from analysis.verdict.findings import Finding
from analysis.verdict.sentences import Verdict, judge
from analysis.verdict.soundness import Soundness

CLEAR = Difference(
    value=0.012, low=0.006, high=0.018, p_value=0.002, p_value_corrected=0.002, smallest_detectable=0.009,
    probability_fresh_better=0.94, seeds_won=5, seeds_to_tell=3, documents_to_tell=None,
)  # fmt: skip
UNCLEAR = replace(CLEAR, value=0.003, low=-0.004, high=0.01, p_value=0.3, p_value_corrected=0.3, seeds_to_tell=40)


SOUND = Soundness([])


def make_experiment(variants: list[str], seeds: int, metric: str = "accuracy") -> Experiment:
    return Experiment(
        data="imdb",
        classes=["neg", "pos"],
        variants=variants,
        baseline=variants[0],
        metric=metric_named(metric),
        seeds=list(range(seeds)),
        labels=np.arange(25000) % 2,
        probabilities=np.zeros((len(variants), seeds, 0, 2), np.float32),
        histories=[],
        parameters={
            variant: {"total": 1000 * (index + 2), "embedding": 1000} for index, variant in enumerate(variants)
        },
        matching="hidden_size",
        hidden_sizes={variant: [64] for variant in variants},
        costs={variant: [] for variant in variants},
        columns={},
        documents=[],
    )


def make_comparison(experiment: Experiment, differences: list[Difference]) -> Comparison:
    score = Score([0.87] * len(experiment.seeds), 0.87, 0.002, 0.864, 0.876)
    key = experiment.metric.key
    return Comparison(
        scores={
            variant: {"accuracy": score, "balanced_accuracy": score, key: score} for variant in experiment.variants
        },
        differences={
            variant: {key: difference} for variant, difference in zip(experiment.others, differences, strict=True)
        },
        mcnemar={},
        confusion={},
    )


def say(variants: list[str], seeds: int, *differences: Difference, metric: str = "accuracy") -> tuple[str, str]:
    experiment = make_experiment(variants, seeds, metric)
    verdict = judge(experiment, make_comparison(experiment, list(differences)), SOUND)
    return verdict.sentence, " ".join([*verdict.warnings, *verdict.details])


def test_a_clear_difference_names_who_is_better_by_how_much_and_how_surely() -> None:
    headline, details = say(["lstm", "bilstm"], 5, CLEAR)

    assert headline == (
        "bilstm is better than lstm on imdb: +1.20 points of test accuracy (95 % interval +0.60 to +1.80, p = 0.002), "
        "at 1.50 × the parameters (2.00 × outside the embedding) of lstm."
    )
    assert "5 seeds and 25,000 test documents" in details
    assert "A newly trained bilstm beats a newly trained lstm with probability 94 %" in details
    assert "This design has 80 % power to detect a difference of 0.9 points" in details
    assert "They have the same hidden size (64)" in details


def test_a_clear_loss_is_called_worse() -> None:
    headline, _ = say(["lstm", "bilstm"], 5, replace(CLEAR, value=-0.012, low=-0.018, high=-0.006))

    assert headline.startswith("bilstm is worse than lstm on imdb: −1.20 points")


def test_what_cannot_be_told_says_how_many_seeds_could_tell() -> None:
    headline, details = say(["lstm", "bilstm"], 5, UNCLEAR)

    assert headline.startswith("It is unclear whether bilstm or lstm is better on imdb: +0.30 points (bilstm − lstm)")
    assert headline.endswith("; to detect a difference of this size with 80 % power takes very roughly 40 seeds.")
    assert "80 % power to detect a difference of 0.9 points" in details
    assert "A difference of more than 1.00 points is unlikely" in details


def test_two_seeds_are_called_few_and_a_tie_has_no_probability() -> None:
    _, few = say(["lstm", "bilstm"], 2, UNCLEAR)
    _, enough = say(["lstm", "bilstm"], 3, replace(UNCLEAR, value=0.0))

    assert "With two seeds" in few and "With two seeds" not in enough
    assert "to detect a difference of this size" not in say(["lstm", "bilstm"], 2, UNCLEAR)[0]
    assert "A newly trained" in few and "A newly trained" not in enough


def test_what_no_number_of_seeds_can_tell_says_so() -> None:
    headline, _ = say(["lstm", "bilstm"], 5, replace(UNCLEAR, seeds_to_tell=None))

    assert headline.endswith("; a difference of this size is too small for 100 seeds and any number of test documents.")


def test_where_only_more_documents_can_tell_it_says_how_many() -> None:
    headline, _ = say(["lstm", "bilstm"], 5, replace(UNCLEAR, seeds_to_tell=None, documents_to_tell=123_456))

    assert headline.endswith(
        "; to detect a difference of this size with 80 % power, even 100 seeds would need roughly 120,000 test "
        "documents instead of 25,000."
    )


def test_what_speaks_against_a_comparison_is_said_before_any_difference_and_its_advice_first_of_the_warnings() -> None:
    experiment = make_experiment(["lstm", "bilstm"], 1)
    findings = [
        Finding("below_linear", ["lstm"], "lstm does worse than a simple model", "Try more."),
        Finding("overfit", ["bilstm"], "bilstm overfits", "Try less."),
    ]

    verdict = judge(experiment, make_comparison(experiment, [CLEAR]), Soundness(findings, ["One setting."]))

    first = "Do not rely on this comparison yet: lstm does worse than a simple model; bilstm overfits. "
    first += "These trainings say: The one"
    for said in (verdict.sentence_without_costs, verdict.sentence, str(verdict)):
        assert said.startswith(first)
    assert verdict.warnings[:2] == ["Try more.", "Try less."]
    assert "With one seed" in verdict.warnings[2]
    assert str(verdict).endswith(" One setting.")


def test_less_loss_is_better_and_all_sentences_count_nats() -> None:
    less = replace(CLEAR, value=-0.0412, low=-0.0601, high=-0.0223)
    headline, details = say(["lstm", "bilstm"], 5, less, metric="loss")

    assert headline == (
        "bilstm is better than lstm on imdb: −0.041 nats of test loss, where lower is better "
        "(95 % interval −0.060 to −0.022, p = 0.002), at 1.50 × the parameters (2.00 × outside the embedding) of lstm."
    )
    assert details.startswith("bilstm reaches 0.870 nats, lstm 0.870 nats, with 5 seeds and 25,000 test documents. ")
    assert "This design has 80 % power to detect a difference of 0.009 nats" in details

    headline, _ = say(["lstm", "bilstm"], 5, replace(CLEAR, value=0.0412, low=0.0223, high=0.0601), metric="loss")

    assert headline.startswith("bilstm is worse than lstm on imdb: +0.041 nats of test loss")


def test_several_variants_stand_in_the_order_of_the_chosen_metric() -> None:
    less, much_less = replace(CLEAR, value=-0.02), replace(CLEAR, value=-0.03)
    headline, details = say(["lstm", "a", "b", "c"], 5, less, much_less, CLEAR, metric="loss")

    assert headline == (
        "On imdb, in nats of test loss compared with lstm (lower is better): "
        "b (−0.030) and a (−0.020) are better; c (+0.012) is worse."
    )
    assert details.index("b is better than lstm") < details.index("a is better") < details.index("c is worse")


@pytest.mark.parametrize(
    ("metric", "title"), [("macro_f1", "macro F1"), ("balanced_accuracy", "balanced accuracy"), ("roc_auc", "ROC AUC")]
)
def test_the_sentence_names_the_chosen_metric(metric: str, title: str) -> None:
    headline, details = say(["lstm", "bilstm"], 5, CLEAR, metric=metric)

    assert headline.startswith(f"bilstm is better than lstm on imdb: +1.20 points of test {title} (95 % interval +0.60")
    assert " accuracy" not in (headline + details).replace(title, "")
    assert say(["lstm"], 5, metric=metric)[0].startswith(f"lstm reaches a test {title} of 87.0 % on imdb")


def test_nothing_is_said_of_more_seeds_where_there_is_no_difference_at_all() -> None:
    headline, _ = say(["lstm", "bilstm"], 5, replace(UNCLEAR, value=0.0, seeds_to_tell=None))

    assert "of this size" not in headline


def test_power_to_detect_a_gain_ends_where_the_baseline_leaves_no_room() -> None:
    _, details = say(["lstm", "bilstm"], 2, replace(UNCLEAR, smallest_detectable=0.2))

    # The baseline reaches 87 %.
    assert (
        "This design has less than 80 % power to detect a gain (lstm leaves 13.0 points to 100 %), but 80 % for a loss "
        "of 20.0 points"
    ) in details


def test_measured_ratios_are_as_exact_as_the_seeds_agree() -> None:
    experiment = make_experiment(["lstm", "bilstm"], 2)
    lstm = [{"training_seconds": 10.0, "peak_memory_mb": 700.0}, {"training_seconds": 12.0, "peak_memory_mb": 703.0}]
    bilstm = [{"training_seconds": 24.0, "peak_memory_mb": 705.0}, {"training_seconds": 27.0, "peak_memory_mb": 710.0}]
    experiment = replace(experiment, costs={"lstm": lstm, "bilstm": bilstm})

    costs = judge(experiment, make_comparison(experiment, [CLEAR]), SOUND).costs

    assert costs.startswith(", at 1.50 × the parameters (2.00 × outside the embedding), ")
    assert costs.endswith("2.0 to 2.7 × the training time and 1.0 × the peak memory of lstm")

    uneven = [{"training_seconds": 6.0, "peak_memory_mb": 705.0}, {"training_seconds": 27.0, "peak_memory_mb": 710.0}]
    experiment = replace(experiment, costs={"lstm": lstm, "bilstm": uneven})
    costs = judge(experiment, make_comparison(experiment, [CLEAR]), SOUND).costs
    assert costs.endswith(
        "1.0 × the peak memory of lstm (the training time differed too much between trainings to compare)"
    )


def test_where_nobody_errs_no_power_is_claimed() -> None:
    experiment = make_experiment(["lstm", "bilstm"], 3)
    tied = replace(UNCLEAR, value=0.0, low=-0.005, high=0.005)
    comparison = make_comparison(experiment, [tied])
    perfect = {metric: replace(score, mean=1.0) for metric, score in comparison.scores["lstm"].items()}
    comparison = replace(comparison, scores={"lstm": perfect, "bilstm": perfect})

    details = " ".join(judge(experiment, comparison, SOUND).details)
    assert "80 % power" not in details
    assert "is unlikely" not in details


def test_a_design_that_finds_nothing_is_not_said_to_find_more_than_everything() -> None:
    _, details = say(["lstm", "bilstm"], 2, replace(UNCLEAR, smallest_detectable=1.2))

    assert "less than 80 % power to detect any difference, however large" in details


def test_costs_are_part_of_the_sentence_but_not_of_what_dvc_keeps() -> None:
    experiment = make_experiment(["lstm", "bilstm"], 5)
    measured = {"training_seconds": 10.0, "milliseconds_a_document": 0.5, "peak_memory_mb": 500.0}
    slower = {"training_seconds": 13.0, "milliseconds_a_document": 1.0, "peak_memory_mb": 600.0}
    experiment = replace(experiment, costs={"lstm": [measured], "bilstm": [slower]})

    verdict = judge(experiment, make_comparison(experiment, [CLEAR]), SOUND)

    costs = (
        "at 1.50 × the parameters (2.00 × outside the embedding), 1.3 × the training time, "
        "2.0 × the time for a prediction and 1.2 × the peak memory of lstm"
    )
    assert verdict.sentence.endswith(f"{costs}.")
    assert "training time" not in verdict.sentence_without_costs


ALONE = {"cores": 2, "processor": "EPYC (znver4)", "gpu": "none", "engine": "alone", "torch": "2.13", "numba": "0.68"}
IN_GRID = {**ALONE, "cores": 1, "engine": "grid of 2"}


def judge_costs(own: list[dict[str, object]], baseline: list[dict[str, object]]) -> Verdict:
    """Of trainings under these conditions, with the same costs."""
    measured = {"training_seconds": 10.0, "milliseconds_a_document": 0.5, "peak_memory_mb": 500.0}
    experiment = replace(
        make_experiment(["lstm", "bilstm"], 5),
        costs={
            "lstm": [{**measured, **conditions} for conditions in baseline],
            "bilstm": [{**measured, **conditions} for conditions in own],
        },
    )
    return judge(experiment, make_comparison(experiment, [CLEAR]), SOUND)


def under(training: dict[str, object], prediction: dict[str, object]) -> dict[str, object]:
    return {"training_conditions": [training], "prediction_conditions": [prediction]}


def test_costs_that_were_measured_under_other_conditions_are_not_compared() -> None:
    verdict = judge_costs([under(ALONE, ALONE)], [under(IN_GRID, IN_GRID)])

    difference = "CPU cores 1 and 2, engine alone and grid of 2"
    assert verdict.costs == (
        ", at 1.50 × the parameters (2.00 × outside the embedding) of lstm "
        "(costs of training and prediction are not compared, because their conditions differed: "
        f"{difference})"
    )
    assert "conditions" not in verdict.sentence_without_costs


@pytest.mark.parametrize(
    ("name", "value", "difference"),
    [
        ("processor", "Xeon (sapphirerapids)", "processor EPYC (znver4) and Xeon (sapphirerapids)"),
        ("gpu", "H100", "GPU H100 and none"),
        ("torch", "2.14", "torch 2.13 and 2.14"),
        ("numba", "0.69", "numba 0.68 and 0.69"),
    ],
)
def test_one_training_of_several_on_other_hardware_or_versions_is_enough(
    name: str, value: str, difference: str
) -> None:
    same, other = under(ALONE, ALONE), under({**ALONE, name: value}, ALONE)
    verdict = judge_costs([same, same, other], [same, same, same])

    assert "training time" not in verdict.costs
    assert "1.0 × the time for a prediction" in verdict.costs  # those were all measured alike
    assert f"(costs of training are not compared, because their conditions differed: {difference})" in verdict.costs


def test_a_training_that_was_resumed_under_other_conditions_is_not_compared() -> None:
    same = under(ALONE, ALONE)
    verdict = judge_costs([{**same, "training_conditions": [ALONE, IN_GRID]}], [same])

    assert "training time" not in verdict.costs
    assert "engine alone and grid of 2" in verdict.costs


def test_several_variants_are_each_compared_in_cost_with_the_baseline_alone() -> None:
    experiment = make_experiment(["lstm", "bilstm", "gru"], 5)
    measured = {"training_seconds": 10.0}
    costs = {name: [{**measured, **under(ALONE, ALONE)}] for name in ("lstm", "gru")}
    costs["bilstm"] = [{**measured, **under(IN_GRID, IN_GRID)}]
    verdict = judge(replace(experiment, costs=costs), make_comparison(experiment, [CLEAR, CLEAR]), SOUND)

    assert verdict.costs == ""
    of_bilstm, of_gru = verdict.details
    assert "are not compared" in of_bilstm
    assert "1.0 × the training time" in of_gru
    assert "are not compared" not in of_gru


@pytest.mark.parametrize("difference", [CLEAR, UNCLEAR])
def test_one_seed_is_never_taken_for_a_property_of_the_variant(difference: Difference) -> None:
    headline, details = say(
        ["lstm", "bilstm"], 1, replace(difference, probability_fresh_better=None, seeds_to_tell=None)
    )

    assert not headline.startswith("bilstm is better")
    assert "Train three seeds or more" in details
    assert "of this size" not in headline + details


def test_several_variants_are_each_compared_with_the_baseline_with_corrected_p_values() -> None:
    worse = replace(CLEAR, value=-0.02, low=-0.03, high=-0.01)
    better = replace(CLEAR, p_value_corrected=0.004)
    variants = ["lstm", "rnn", "bilstm", "gru", "bigru"]
    headline, details = say(variants, 5, worse, better, UNCLEAR, replace(CLEAR, value=0.014))

    assert headline == (
        "On imdb, in points of test accuracy compared with lstm: bigru (+1.4) and bilstm (+1.2) are better; "
        "rnn (−2.0) is worse; for gru (+0.3) it is unclear."
    )
    assert "bilstm is better than lstm: +1.20 points (95 % interval +0.60 to +1.80, p = 0.004 after Holm's" in details
    assert "It is unclear whether gru or lstm is better: +0.30 points" in details


def test_significance_is_judged_after_the_correction() -> None:
    headline, _ = say(["lstm", "bilstm", "gru"], 5, replace(CLEAR, p_value=0.03, p_value_corrected=0.06), UNCLEAR)

    assert "for bilstm (+1.2) and gru (+0.3) it is unclear" in headline


def test_a_single_variant_is_reported_without_a_comparison() -> None:
    headline, details = say(["lstm"], 3)

    assert headline == "lstm reaches a test accuracy of 87.0 % on imdb (95 % interval 86.4 to 87.6)."
    assert "no other variant" in details


def test_test_texts_in_training_are_a_warning_from_one_percent_on() -> None:
    experiment = make_experiment(["lstm", "bilstm"], 3)
    comparison = make_comparison(experiment, [CLEAR])
    for leaked, number in ((0, 0), (250, 0), (251, 1)):
        verdict = judge(replace(experiment, leaked=leaked), comparison, SOUND)
        assert len(verdict.warnings) == number
    assert verdict.warnings[0].startswith("251 of 25,000 test texts (1.0 %) also occur in the training split: a model")


def test_one_cross_validation_is_called_so_and_not_one_seed() -> None:
    experiment = replace(make_experiment(["lstm", "bilstm"], 1), folds=np.arange(25000) % 10)
    unclear = replace(UNCLEAR, probability_fresh_better=None, seeds_to_tell=None)
    verdict = judge(experiment, make_comparison(experiment, [unclear]), SOUND)
    assert verdict.warnings == []
    assert "with one cross-validation in 10 folds and 25,000 test documents" in verdict.details[0]
    assert verdict.outlook == ""
    assert experiment.trainings_of(0) == range(10)
