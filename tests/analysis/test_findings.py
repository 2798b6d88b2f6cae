"""Each rule that makes a verdict begin with a warning: what sets it off, what does not, and what it says."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.comparison.differences import Score
from analysis.comparison.standing import Gap
from analysis.verdict.findings import (
    Settings,
    did_not_learn,
    large_difference,
    learning_unclear,
)
from analysis.verdict.linear_model import below_linear, weak_linear
from analysis.verdict.soundness import examine
from tests.analysis.made_up import (
    ABOVE,
    GOOD,
    SOUND,
    History,
    by_variant,
    history,
    make_comparison,
    make_experiment,
    make_settings,
    make_standing,
)


def test_well_trained_variants_above_the_linear_model_are_sound() -> None:
    soundness = examine(make_experiment(), GOOD, make_standing(ABOVE, ABOVE), make_settings())

    assert soundness.findings == []
    assert soundness.preface == ""
    assert set(map(len, soundness.by_kind().values())) == {0}


def test_the_gravest_finding_comes_first() -> None:
    runs = ((history([0.5, 0.4]),) * 3,) * 2
    standing = make_standing(Gap(-0.02, -0.03, -0.01, 0.001), ABOVE)

    soundness = examine(make_experiment(runs), GOOD, standing, make_settings())

    assert [finding.kind for finding in soundness.findings] == ["below_linear", "not_converged"]
    assert soundness.preface == (
        "Do not rely on this comparison yet: lstm (85.0 %) does worse than a simple linear model that only counts "
        "words and pairs of words (84.0 % test accuracy); lstm and bilstm were still improving in the last epoch."
    )
    assert soundness.by_kind()["not_converged"] == ["lstm", "bilstm"]


# ---- below the linear model


@pytest.mark.parametrize(
    ("gap", "named"),
    [
        (Gap(-0.01, -0.015, -0.005, 0.001), True),  # small, but clear
        (Gap(-0.02, -0.05, 0.01, 0.2), True),  # chance can explain it, but the variant did not reach the model
        (Gap(-0.009, -0.05, 0.03, 0.6), False),
        (Gap(-0.17, -0.6, 0.26, 0.2), True),  # so few seeds are sure of nothing, and yet
        (Gap(0.02, 0.01, 0.03, 0.001), False),
    ],
)
def test_a_variant_is_below_the_linear_model_clearly_or_by_a_point(gap: Gap, named: bool) -> None:
    finding = below_linear(make_experiment(), GOOD, make_standing(ABOVE, gap), make_settings())

    assert (finding.variants if finding else []) == (["bilstm"] if named else [])


def test_a_loss_that_chance_can_explain_is_called_so() -> None:
    unclear = Gap(-0.014, -0.06, 0.03, 0.4)
    model = "a simple linear model that only counts words and pairs of words (84.0 % test accuracy)"

    def words(lstm: Gap, bilstm: Gap) -> str:
        finding = below_linear(make_experiment(), GOOD, make_standing(lstm, bilstm), make_settings())
        assert finding is not None
        return finding.words

    assert words(unclear, ABOVE) == f"lstm (85.0 %) is a point or more below {model}, which chance can explain"
    assert words(unclear, unclear).startswith("lstm (85.0 %) and bilstm (86.0 %) are a point or more below a simple")
    assert words(unclear, Gap(-0.02, -0.03, -0.01, 0.001)) == (
        f"bilstm (86.0 %) does worse than {model}, and lstm (85.0 %) is a point or more below it, which chance can "
        "explain"
    )
    remarks = examine(make_experiment(), GOOD, make_standing(unclear, ABOVE), make_settings()).remarks
    assert not any("not shown to beat" in remark for remark in remarks)  # it is named already


def test_advice_names_what_is_not_set_yet() -> None:
    standing = make_standing(Gap(-0.05, -0.06, -0.04, 0.001), ABOVE)

    def advice(settings: Settings) -> str:
        finding = below_linear(make_experiment(), GOOD, standing, settings)
        assert finding is not None
        return finding.advice

    plain = advice(make_settings(initialization="pytorch", pooling="last"))
    assert "initialization: keras, pooling: max, head_dropout and embedding_dropout" in plain
    tuned = advice(make_settings({"early_stopping": 3}, head_dropout=0.5))
    assert "keras" not in tuned and "pooling" not in tuned and "dropout" not in tuned and "epochs" not in tuned
    assert "pretrained tokenize.vectors" in plain
    assert "tokenize.vectors" not in advice(replace(make_settings(), pretrained={"lstm": {}}))


# ---- large differences


def test_a_large_difference_from_a_bad_start_is_warned_of() -> None:
    comparison = make_comparison({"lstm": [0.72] * 3, "bilstm": [0.9] * 3}, gain=0.18)
    settings = make_settings(initialization="pytorch", pooling="last")

    (finding,) = examine(make_experiment(), comparison, make_standing(ABOVE, ABOVE), settings).findings

    assert finding.kind == "large_difference"
    assert "+18.0 points of bilstm" in finding.words
    assert "initialization: pytorch" in finding.advice and "pooling: last" in finding.advice


@pytest.mark.parametrize(
    ("gain", "settings", "gap", "doubted"),
    [
        (0.02, make_settings(initialization="pytorch"), ABOVE, False),
        (0.04, make_settings(), ABOVE, False),
        (-0.04, make_settings(initialization="pytorch"), ABOVE, True),
        (0.04, replace(make_settings(initialization="pytorch"), vectors=True), ABOVE, False),
        (0.04, replace(make_settings(initialization="pytorch"), pretrained={"lstm": {}, "bilstm": {}}), ABOVE, False),
        (0.04, replace(make_settings(initialization="pytorch"), pretrained={"bilstm": {}}), ABOVE, True),
        (0.04, make_settings(pooling="last"), ABOVE, True),
        (0.04, make_settings(), Gap(-0.01, -0.03, 0.01, 0.3), True),
    ],
)
def test_a_large_difference_needs_a_reason_to_be_doubted(
    gain: float, settings: Settings, gap: Gap, doubted: bool
) -> None:
    comparison = make_comparison({"lstm": [0.85] * 3, "bilstm": [0.9] * 3}, gain)

    assert (large_difference(comparison, make_standing(gap, ABOVE), settings) is not None) == doubted


# ---- did not learn


def failed(settings: Settings, line: History) -> tuple[str, str]:
    comparison = make_comparison({"lstm": [0.85] * 3, "bilstm": [0.5, 0.85, 0.503]})
    finding = did_not_learn(make_experiment(), comparison, settings, by_variant(SOUND, line))
    assert finding is not None and finding.variants == ["bilstm"]
    return finding.words, finding.advice


STUCK = history([0.69, 0.69], train_loss=0.692)


@pytest.mark.parametrize(
    ("settings", "line", "reason"),
    [
        (make_settings(share_unknown=0.62), STUCK, "62% of the test tokens are unknown"),
        (make_settings({"learning_rate": 0.03}), STUCK, "a learning rate of 0.03 is high"),
        (make_settings({"learning_rate": 1e-5}), STUCK, "a learning rate of 1e-05 is low"),
        (make_settings(), STUCK[:1] * 1, "try initialization: keras"),
        (make_settings(), [{**STUCK[0], "step": 12}], "in 12 steps, which are few"),
        (make_settings(), history([0.9, 0.9], train_loss=0.1), "It learned its training documents, but nothing"),
        (make_settings(), history([0.6, 0.3], train_loss=0.3), "It began to learn"),
    ],
)
def test_trainings_that_did_not_learn_are_named_with_a_likely_reason(
    settings: Settings, line: History, reason: str
) -> None:
    words, advice = failed(settings, line)

    assert words == "bilstm did not learn with seeds 1 and 3"
    assert reason in advice


def test_where_all_documents_are_of_one_class_nothing_can_fail() -> None:
    experiment = replace(make_experiment(), labels=np.zeros(50, np.int64))
    comparison = make_comparison({"lstm": [1.0] * 3, "bilstm": [1.0] * 3})

    assert did_not_learn(experiment, comparison, make_settings(), by_variant(SOUND, SOUND)) is None


# ---- what was not varied


def test_what_was_not_varied_is_named_once_where_variants_share_it_and_for_each_where_they_do_not() -> None:
    settings = make_settings(head_dropout=0.5)
    different = {**settings.variants, "bilstm": {**settings.variants["bilstm"], "pooling": "last"}}

    said = " ".join(
        examine(make_experiment(), GOOD, make_standing(ABOVE, ABOVE), replace(settings, variants=different)).remarks
    )

    assert "initialization keras" in said
    assert "pooling max (lstm) and last (bilstm)" in said
    assert "head dropout 0.5, learning rate 0.003 (linear), 4 epochs" in said
    assert "Only the seed was varied" in said


def test_a_training_that_finds_the_small_class_has_learned_whatever_its_accuracy() -> None:
    experiment = replace(make_experiment(), labels=(np.arange(1000) % 10 == 0).astype(int))
    comparison = make_comparison({"lstm": [0.95] * 3, "bilstm": [0.88, 0.9, 0.95]})
    scores = comparison.scores["bilstm"]
    scores["balanced_accuracy"] = replace(scores["balanced_accuracy"], values=[0.85, 0.505, 0.9])

    finding = did_not_learn(experiment, comparison, make_settings(), by_variant(SOUND, SOUND))

    assert finding is not None
    assert (finding.variants, finding.words) == (["bilstm"], "bilstm did not learn with seed 2")


# ---- few documents, and a weak linear model


def test_a_variant_slightly_above_chance_on_few_documents_is_unclear_and_not_called_a_failure() -> None:
    experiment = replace(make_experiment(), labels=np.arange(40) % 2)
    comparison = make_comparison({"lstm": [0.6, 0.6, 0.575], "bilstm": [0.9, 0.625, 0.9]})

    assert did_not_learn(experiment, comparison, make_settings(), by_variant(SOUND, SOUND)) is None
    finding = learning_unclear(experiment, comparison)

    assert finding is not None and finding.variants == ["lstm", "bilstm"]
    assert finding.words == (
        "40 test documents are too few to show whether lstm (59.2 % with any seed) and bilstm (62.5 % with seed 2) "
        "learned more than to answer the most frequent class (50.0 %)"
    )
    # 50 % and two standard errors of 40 documents
    assert finding.advice.startswith("With 40 test documents, chance alone gives an accuracy up to 65.8 %")


def test_a_variant_whose_trainings_all_failed_did_not_learn_with_any_seed() -> None:
    comparison = make_comparison({"lstm": [0.5] * 3, "bilstm": [0.9] * 3})

    finding = did_not_learn(make_experiment(), comparison, make_settings(), by_variant(STUCK, SOUND))

    assert finding is not None and finding.words == "lstm did not learn with any seed"
    assert learning_unclear(make_experiment(), comparison) is None


REACHES = Gap(0.004, -0.006, 0.014, 0.4)


def test_a_linear_model_that_is_the_majority_class_is_named_in_the_first_sentence() -> None:
    standing = make_standing(REACHES, REACHES)
    standing.scores["majority"] = standing.scores["linear"]

    soundness = examine(make_experiment(), GOOD, standing, make_settings())

    assert soundness.preface == (
        "Do not rely on this comparison yet: that lstm and bilstm reach the linear model proves nothing here, because "
        "it is not clearly better (84.0 %) than always answering the most frequent class (84.0 %)."
    )
    assert soundness.by_kind()["weak_linear"] == ["lstm", "bilstm"]
    assert not [remark for remark in soundness.remarks if "not shown to beat" in remark]


def test_a_variant_clearly_above_a_weak_linear_model_has_learned() -> None:
    standing = make_standing(ABOVE, REACHES)
    standing.scores["majority"] = {"accuracy": Score([0.83], 0.83, None, 0.81, 0.85)}

    finding = weak_linear(make_experiment(), standing)

    assert finding is not None and finding.variants == ["bilstm"]


def test_a_variant_that_is_not_shown_to_beat_the_linear_model_is_named_although_its_mean_is_above() -> None:
    soundness = examine(make_experiment(), GOOD, make_standing(ABOVE, REACHES), make_settings())

    assert soundness.findings == []
    assert soundness.remarks[0] == (
        "bilstm is not shown to beat the linear model: +0.4 points (−0.6 to +1.4) of test accuracy, and the 95 % "
        "interval includes 0."
    )
    both = examine(make_experiment(), GOOD, make_standing(REACHES, REACHES), make_settings()).remarks[0]
    assert "+0.4 points (−0.6 to +1.4) for lstm and +0.4 points (−0.6 to +1.4) for bilstm of test accuracy" in both


def test_data_that_even_the_linear_model_solves_are_called_too_easy() -> None:
    comparison = make_comparison({"lstm": [0.995] * 3, "bilstm": [1.0] * 3})
    standing = make_standing(REACHES, REACHES)
    assert examine(make_experiment(), comparison, standing, make_settings()).findings == []
    standing.scores["linear"] = {"accuracy": Score([0.99], 0.99, None, 0.98, 1.0)}

    soundness = examine(make_experiment(), comparison, standing, make_settings())

    assert "these data are too easy to show which variant is better" in soundness.preface
    assert soundness.by_kind()["too_easy"] == ["lstm", "bilstm"]
    assert not any("not shown to beat" in remark for remark in soundness.remarks)


def test_a_variant_that_beats_the_linear_model_when_classes_count_alike_is_said_to() -> None:
    standing = make_standing(REACHES, REACHES)
    standing.gaps["bilstm"]["macro_f1"] = Gap(0.056, 0.024, 0.088, 0.0005)

    remark = examine(make_experiment(), GOOD, standing, make_settings()).remarks[0]

    assert remark.endswith(" In macro F1, where all classes count alike: +5.6 points (+2.4 to +8.8) for bilstm.")


def test_artificial_texts_are_called_artificial() -> None:
    experiment = replace(make_experiment(), artificial=True)

    remarks = examine(experiment, GOOD, make_standing(ABOVE, ABOVE), make_settings()).remarks

    assert remarks[0].startswith("The texts are artificial")
    assert experiment.data_shown == "made up (artificial texts)"
