import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.choices import TemporalOrderTask
from config.data import DataParams, FirstTokenParams, TemporalOrderParams
from core.errors import ParamsError
from pipelines.download import download
from text.synthetic.sequences import CLASSES, PLACES, first_token, scaled, temporal_order

SMALL = {"train_rows": 64, "validation_rows": 16, "test_rows": 32}
# As the paper writes them.
RULES = {
    "6a": {"XX": "Q", "XY": "R", "YX": "S", "YY": "U"},
    "6b": {
        "XXX": "Q",
        "XXY": "R",
        "XYX": "S",
        "XYY": "U",
        "YXX": "V",
        "YXY": "A",
        "YYX": "B",
        "YYY": "C",
    },
}
tasks: st.SearchStrategy[TemporalOrderTask] = st.sampled_from(get_args(TemporalOrderTask))


def rows_of(by_split: dict[str, pa.Table]) -> list[dict[str, Any]]:
    return [row for table in by_split.values() for row in table.to_pylist()]


def digest(table: pa.Table) -> str:
    return hashlib.sha256(repr(table.to_pylist()).encode()).hexdigest()


@settings(max_examples=40, deadline=None)
@given(tasks, st.integers(12, 400), st.integers(0, 2**32 - 1))
def test_a_sequence_is_what_the_paper_defines_at_any_length(task: TemporalOrderTask, length: int, seed: int) -> None:
    for row in rows_of(temporal_order(seed=seed, task=task, length=length, **SMALL)):
        symbols = row["text"].split(" ")
        assert length <= len(symbols) <= scaled(110, length)
        assert (symbols[0], symbols[-1]) == ("E", "B")
        positions = [position for position, symbol in enumerate(symbols) if symbol in "XY"]
        assert positions == [row[f"position_{number}"] for number in range(1, len(positions) + 1)]
        for position, (low, high) in zip(positions, PLACES[task], strict=True):
            assert scaled(low, length) <= position <= scaled(high, length)
        assert row["distance"] == len(symbols) - 1 - positions[0]
        order = "".join(symbols[position] for position in positions)
        assert CLASSES[task][row["label"]] == RULES[task][order]
        assert set(symbols[1:-1]) - {"X", "Y"} <= set("abcd")


def test_at_the_papers_length_places_and_lengths_are_the_papers_and_all_of_them_occur() -> None:
    rows = rows_of(temporal_order(seed=1, task="6b", length=100, train_rows=4000, validation_rows=1, test_rows=1))
    assert {len(row["text"].split()) for row in rows} == set(range(100, 111))
    assert {row["position_1"] for row in rows} == set(range(10, 21))
    assert {row["position_2"] for row in rows} == set(range(33, 44))
    assert {row["position_3"] for row in rows} == set(range(66, 77))
    rows = rows_of(temporal_order(seed=1, task="6a", length=100, train_rows=4000, validation_rows=1, test_rows=1))
    assert {row["position_2"] for row in rows} == set(range(50, 61))


def test_distractors_are_drawn_alike() -> None:
    rows = rows_of(temporal_order(seed=3, task="6a", length=100, train_rows=1000, validation_rows=1, test_rows=1))
    counts = Counter(symbol for row in rows for symbol in row["text"].split() if symbol in "abcd")
    mean = sum(counts.values()) / 4
    assert all(abs(count - mean) < 5 * mean**0.5 for count in counts.values())


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 300), st.integers(0, 2**32 - 1))
def test_the_class_is_the_first_token_and_the_others_are_distractors(distractors: int, seed: int) -> None:
    for row in rows_of(first_token(seed=seed, distractors=distractors, **SMALL)):
        first, *others = row["text"].split(" ")
        assert "XY"[row["label"]] == first
        assert len(others) == distractors
        assert set(others) <= set("abcd")


@pytest.mark.parametrize("task", get_args(TemporalOrderTask))
def test_classes_are_balanced_in_every_split(task: TemporalOrderTask) -> None:
    for table in temporal_order(seed=1, task=task, length=50, **SMALL).values():
        assert set(Counter(table["label"].to_pylist()).values()) == {len(table) // len(CLASSES[task])}
    for table in first_token(seed=1, distractors=50, **SMALL).values():
        assert Counter(table["label"].to_pylist()) == {0: len(table) // 2, 1: len(table) // 2}


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 8))
def test_no_sequence_occurs_twice_however_short(distractors: int) -> None:
    rows = rows_of(first_token(seed=1, distractors=distractors, train_rows=600, validation_rows=200, test_rows=200))
    assert len({row["id"] for row in rows}) == len({row["text"] for row in rows}) == 1000


def test_so_short_sequences_that_there_are_too_few_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"^data\.first_token\.distractors is 4, which gives only 256 different"):
        first_token(seed=1, distractors=4, train_rows=600, validation_rows=200, test_rows=200)
    with pytest.raises(ParamsError, match=r"^data\.temporal_order\.length is 10, which gives only 4,096 different"):
        temporal_order(seed=1, task="6a", length=10, train_rows=10_000, validation_rows=200, test_rows=200)


def test_equal_arguments_give_equal_rows_and_another_seed_gives_others() -> None:
    def make(seed: int) -> dict[str, pa.Table]:
        return temporal_order(seed=seed, task="6b", length=40, **SMALL)

    assert make(1) == make(1)
    assert not {row["text"] for row in rows_of(make(1))} & {row["text"] for row in rows_of(make(2))}


def test_the_sequences_of_the_defaults_are_the_published_ones() -> None:
    # A change of the code that changes these digests changes every result that was published.
    order = temporal_order(seed=1, **TemporalOrderParams().model_dump())
    first = first_token(seed=1, **FirstTokenParams().model_dump())
    assert (digest(order["test"])[:16], digest(first["test"])[:16]) == ("554a76ce0e4bf2bf", "06b7cb96220329cc")


def test_more_training_rows_leave_the_other_rows_as_they_are() -> None:
    fewer, more = (
        first_token(seed=1, distractors=20, train_rows=rows, validation_rows=20, test_rows=20) for rows in (50, 200)
    )
    assert more["train"].slice(0, 50) == fewer["train"]
    assert (more["validation"], more["test"]) == (fewer["validation"], fewer["test"])


@pytest.mark.parametrize(
    ("name", "section", "labels", "columns"),
    [
        ("temporal_order", {"task": "6a"}, list("QRSU"), ["position_1", "position_2", "distance"]),
        ("temporal_order", {"task": "6b"}, list("ABCQRSUV"), ["position_1", "position_2", "position_3", "distance"]),
        ("first_token", {"distractors": 30}, list("XY"), []),
    ],
)
def test_the_data_card_tells_classes_columns_and_that_nothing_is_there_twice(
    name: str, section: dict[str, Any], labels: list[str], columns: list[str], tmp_path: Path
) -> None:
    card = download(DataParams.model_validate({"name": name, name: section | SMALL}), tmp_path / "raw")
    assert (card["labels"], card["columns"]) == (labels, columns)
    assert [facts["rows"] for facts in card["splits"].values()] == [64, 16, 32]
    assert not any(card["duplicates"]["within"][split]["rows"] for split in ("train", "validation", "test"))
    assert not any(pair["texts"] for pair in card["duplicates"]["across"].values())


@given(tasks, st.integers(10, 10_000), st.integers(1, 10_000))
def test_params_know_the_longest_sequence(task: TemporalOrderTask, length: int, distractors: int) -> None:
    order = DataParams.model_validate({"name": "temporal_order", "temporal_order": {"task": task, "length": length}})
    first = DataParams.model_validate({"name": "first_token", "first_token": {"distractors": distractors}})
    assert order.longest_sequence() == scaled(110, length)
    assert first.longest_sequence() == distractors + 1
