from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.comparison.experiment import DocumentText, Experiment
from analysis.comparison.metrics import metric_named
from analysis.comparison.slices import MOST_VALUES, OTHERS, disagreements, slice_scores, split


def make_experiment(own: np.ndarray, columns: dict[str, np.ndarray], labels: np.ndarray | None = None) -> Experiment:
    """Variants "a" and "b" that give the right one of two classes the probability `own` (2, seeds, n)."""
    _, seeds, documents = own.shape
    labels = np.zeros(documents, int) if labels is None else labels
    probabilities = np.empty((*own.shape, 2), np.float32)
    np.put_along_axis(probabilities, np.broadcast_to(labels, own.shape)[..., None], own[..., None], axis=3)
    np.put_along_axis(probabilities, 1 - np.broadcast_to(labels, own.shape)[..., None], 1 - own[..., None], axis=3)
    return Experiment(
        data="made up",
        classes=["no", "yes"],
        variants=["a", "b"],
        baseline="a",
        metric=metric_named("accuracy"),
        seeds=list(range(seeds)),
        labels=labels,
        probabilities=probabilities,
        histories=[[[]] * seeds] * 2,
        parameters={"a": {"total": 2, "embedding": 1}, "b": {"total": 3, "embedding": 1}},
        matching="hidden_size",
        hidden_sizes={},
        costs={},
        columns=columns,
        documents=[DocumentText(f"test-{index}", f"text {index}") for index in range(documents)],
    )


def names(groups: Sequence[tuple[str, np.ndarray]]) -> list[str]:
    return [name for name, _ in groups]


@given(st.lists(st.one_of(st.integers(-50, 50), st.floats(allow_nan=True, allow_infinity=True)), min_size=1))
def test_every_document_is_in_exactly_one_group_of_a_column_of_numbers(numbers: list[float]) -> None:
    groups = split(np.array(numbers, np.float64))

    assert np.sum([mask for _, mask in groups], axis=0).tolist() == [1] * len(numbers)


@given(st.lists(st.sampled_from(["start", "middle", "end", "", None]), min_size=1))
def test_every_document_is_in_exactly_one_group_of_a_column_of_names(values: list[str | None]) -> None:
    groups = split(np.array(values, dtype=object))

    assert np.sum([mask for _, mask in groups], axis=0).tolist() == [1] * len(values)
    assert len(set(names(groups))) == len(groups)


def test_numbers_are_cut_into_bins_of_about_the_same_size() -> None:
    groups = split(np.arange(100))

    assert names(groups) == ["0–19", "20–39", "40–59", "60–79", "80–99"]
    assert {int(mask.sum()) for _, mask in groups} == {20}


def test_few_distinct_numbers_are_groups_of_their_own() -> None:
    assert names(split(np.array([3, 1, 2, 1]))) == ["1", "2", "3"]


def test_rare_names_are_put_together_and_a_column_of_ids_is_no_column_to_slice() -> None:
    common = [f"rule {index:02}" for index in range(MOST_VALUES)] * 10

    assert names(split(np.array([*common, "once", "twice"], dtype=object)))[-1] == OTHERS
    assert split(np.array([f"id {index}" for index in range(100)], dtype=object)) == []


def test_a_slice_shows_where_a_variant_is_better() -> None:
    place = np.array(["end", "start"] * 50, dtype=object)
    own = np.full((2, 2, 100), 0.9)
    own[0, :, 1::2] = 0.2  # "a" is wrong where the place is "start"

    end, start = slice_scores(make_experiment(own, {"place": place}))["place"]

    assert (end.value, end.documents) == ("end", 50)
    assert end.scores["a"].accuracy.value == end.scores["b"].accuracy.value == 1
    assert start.scores["a"].accuracy.value == 0
    assert start.scores["b"].difference is not None
    assert start.scores["b"].difference.value == 1
    assert start.scores["a"].difference is None


def test_the_interval_of_a_perfect_slice_is_no_point() -> None:
    own = np.full((2, 2, 20), 0.9)
    place = np.array(["end", "start"] * 10, dtype=object)

    end, _ = slice_scores(make_experiment(own, {"place": place}))["place"]

    assert end.scores["a"].accuracy.high == 1
    assert 0.5 < end.scores["a"].accuracy.low < 0.9


def test_labels_are_sliced_in_the_order_of_the_classes() -> None:
    labels = np.array([1, 0] * 20)
    slices = slice_scores(make_experiment(np.full((2, 1, 40), 0.9), {}, labels))

    assert [part.value for part in slices["label"]] == ["no", "yes"]


def test_a_column_with_one_value_is_left_out() -> None:
    same = np.array(["x"] * 40, dtype=object)

    assert slice_scores(make_experiment(np.full((2, 1, 40), 0.9), {"same": same})) == {}


def test_disagreements_are_the_largest_gains_and_losses_with_every_seeds_probability() -> None:
    own = np.full((2, 2, 6), 0.5)
    own[1, :, 3] = [0.9, 1.0]
    own[1, :, 4] = [0.1, 0.0]

    gain, loss = disagreements(make_experiment(own, {}), "b", number=1)

    assert (gain.document, loss.document) == (3, 4)
    assert gain.gain == pytest.approx(0.45)
    assert gain.probabilities["b"] == pytest.approx([0.9, 1.0])


def test_variants_that_agree_have_no_disagreements() -> None:
    assert disagreements(make_experiment(np.full((2, 2, 6), 0.5), {}), "b", number=3) == []
