"""The difference under several settings: right numbers, and words that say whether it depends on them."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from analysis.comparison.differences import compare
from analysis.comparison.experiment import Experiment
from analysis.comparison.influences import covariance
from analysis.comparison.metrics import METRICS
from analysis.comparison.statistics import contrast
from analysis.comparison.under_settings import UnderSettings, compare_under_settings
from analysis.drawing.render import panel_svg
from analysis.report.searches import forest_panels
from analysis.simulation.variants import Truth
from analysis.verdict.under_settings import dependence_sentences

DOCUMENTS, SEEDS = 2000, 3
LABELS = np.arange(DOCUMENTS) % 2


def runs(*accuracies: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """Probabilities of two variants with these accuracies, (variants, seeds, documents, 2)."""
    return as_probabilities(Truth(accuracies, taste=0.2).draw(np.random.default_rng(seed), SEEDS, DOCUMENTS))  # type: ignore[arg-type]


def as_probabilities(correct: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    own = np.where(correct, 0.8, 0.2)
    return np.where(LABELS[:, None] == np.arange(2), own[..., None], 1 - own[..., None]).astype(np.float32)


def experiment(probabilities: npt.NDArray[np.float32]) -> Experiment:
    more: dict[str, Any] = {"parameters": {}, "hidden_sizes": {}, "costs": {}, "columns": {}, "documents": []}
    return Experiment(
        data="made up", classes=["no", "yes"], variants=["lstm", "bilstm"], baseline="lstm", metric=METRICS[0],
        seeds=[1, 2, 3], labels=LABELS, probabilities=probabilities, histories=[], matching="hidden_size", **more,
    )  # fmt: skip


def under(*pairs: tuple[float, float]) -> tuple[Experiment, UnderSettings]:
    first, *others = (runs(*pair, seed=number) for number, pair in enumerate(pairs))
    own = experiment(first)
    return own, compare_under_settings(
        own, "as given", {f"with setting {number}": other for number, other in enumerate(others, 1)}
    )


def test_each_setting_has_the_difference_that_a_comparison_of_its_own_would_have() -> None:
    own, result = under((0.8, 0.85), (0.7, 0.7))
    assert result.differences["bilstm"]["as given"] == compare(own).differences["bilstm"]["accuracy"]
    second = compare(experiment(runs(0.7, 0.7, seed=1))).differences["bilstm"]["accuracy"]
    assert result.differences["bilstm"]["with setting 1"] == second
    assert result.means["with setting 1"]["bilstm"] - result.means["with setting 1"]["lstm"] == pytest.approx(
        second.value
    )
    gap = result.differences["bilstm"]["as given"].value - second.value
    assert result.dependences["bilstm"].value == pytest.approx(abs(gap))
    assert (result.dependences["bilstm"].first, result.dependences["bilstm"].second) == ("as given", "with setting 1")


def test_a_difference_of_another_size_is_said_to_depend_on_the_setting() -> None:
    (sentence,) = dependence_sentences(*under((0.8, 0.82), (0.8, 0.9)))
    assert sentence.startswith("The size of the difference between bilstm and lstm depends on the setting: +")
    assert "with setting 1, but +" in sentence
    assert sentence.endswith("points apart, p < 0.001).")


def test_a_difference_of_the_other_sign_is_said_to_change_its_sign() -> None:
    (sentence,) = dependence_sentences(*under((0.8, 0.9), (0.9, 0.8), (0.8, 0.8)))
    assert sentence.startswith("The sign of the difference between bilstm and lstm depends on the setting: +")
    assert ") as given, but −" in sentence
    assert sentence.endswith(") with setting 1.")


def test_a_change_of_sign_is_found_beside_a_larger_difference_that_is_uncertain() -> None:
    own, result = under((0.8, 0.86), (0.86, 0.8), (0.8, 0.9))
    differences = dict(result.differences["bilstm"])
    differences["with setting 2"] = replace(differences["with setting 2"], low=-0.01)
    changed = replace(result, differences={"bilstm": differences})
    (sentence,) = dependence_sentences(own, changed)
    assert sentence.startswith("The sign of the difference between bilstm and lstm depends on the setting: +")
    assert ") as given, but −" in sentence
    assert sentence.endswith(") with setting 1.")


def test_equal_differences_are_not_shown_to_depend_on_it() -> None:
    (sentence,) = dependence_sentences(*under((0.8, 0.85), (0.8, 0.85), (0.7, 0.75)))
    assert sentence.startswith("The difference between bilstm and lstm is not shown to depend on the setting: it is +")
    assert " under 3 settings, of which the two that differ most clearly are " in sentence


def test_the_p_value_is_corrected_for_the_number_of_pairs() -> None:
    pairs = [(0.8, 0.84), (0.8, 0.85), (0.8, 0.815)]
    _, result = under(*pairs)
    p_values = []
    for first, second in combinations([runs(*pair, seed=number) for number, pair in enumerate(pairs)], 2):
        correct = np.concatenate([first, second]).argmax(axis=3) == LABELS  # (4, seeds, documents)
        means = correct.mean(axis=2)
        shared = covariance((correct - means[:, :, None]) / DOCUMENTS)
        p_values.append(contrast(means, shared, [-1, 1, 1, -1], DOCUMENTS).p_value())
    assert result.dependences["bilstm"].p_value == pytest.approx(3 * min(p_values))


def test_a_setting_under_which_nothing_was_learned_is_named() -> None:
    (first, last) = dependence_sentences(*under((0.8, 0.9), (0.5, 0.5)))
    assert first.startswith("The size of the difference between bilstm and lstm depends on the setting")
    assert last == (
        "lstm and bilstm are no better than always answering the most frequent class with setting 1: there a "
        "difference of 0 says nothing about models that learned."
    )


def test_the_forest_has_a_mark_for_each_setting_with_its_interval_as_a_tip() -> None:
    (panel,) = forest_panels(*under((0.8, 0.85), (0.7, 0.7)))
    drawing = panel_svg(panel)
    assert drawing.count('class="tip"') == 2
    assert "bilstm minus lstm with setting 1:" in drawing
