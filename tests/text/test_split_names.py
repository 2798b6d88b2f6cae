"""Splits by the names that people give their files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from text.sources.split_names import assign, in_order, named_split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(("train.csv", "train"), ("training.tsv", "train"), ("Train.CSV", "train"), ("train_preprocess.tsv", "train")),
        *(("pn_train.csv", "train"), ("data/train-00000-of-00001.parquet", "train"), ("TREC.train.all", "train")),
        *(("training.1600000.processed.noemoticon.csv", "train"), ("train/0000.parquet", "train")),
        *(("val.csv", "validation"), ("valid.jsonl", "validation"), ("dev.tsv", "validation")),
        *(("twitter_validation.csv", "validation"), ("stsa.binary.dev", "validation")),
        *(
            ("test.csv", "test"),
            ("ratings_test.txt", "test"),
            ("testing.csv", "test"),
            ("default/test/0.arrow", "test"),
        ),
        *(("eval.csv", "eval"), ("reviews.csv", None), ("latest.csv", None), ("sample_submission.csv", None)),
        *(("train_test_split.csv", None), ("evaluated.csv", None), ("contest/data.csv", None)),
    ],
)
def test_a_file_is_of_the_split_that_its_name_says(name: str, split: str | None) -> None:
    named = named_split(name)
    assert (named.split if named else None) == split


@pytest.mark.parametrize(
    ("names", "splits", "reasons"),
    [
        (["train.csv", "val.csv", "test.csv"], {"train.csv": "train", "val.csv": "validation", "test.csv": "test"}, {}),
        (["train.csv", "eval.csv"], {"train.csv": "train", "eval.csv": "test"}, {}),
        (
            ["train.csv", "eval.csv", "test.csv"],
            {"train.csv": "train", "test.csv": "test", "eval.csv": "validation"},
            {},
        ),
        (
            ["train.csv", "train_small.csv", "test.csv", "test_labels.csv", "about.csv"],
            {"train.csv": "train", "test.csv": "test"},
            {
                "train_small.csv": "train.csv is the train split",
                "test_labels.csv": "test.csv is the test split",
                "about.csv": "its name says neither train nor validation nor test",
            },
        ),
        (
            ["train.csv", "test.csv", "dev.csv", "val.csv"],
            {"train.csv": "train", "test.csv": "test", "dev.csv": "validation"},
            {"val.csv": "dev.csv is the validation split"},
        ),
        (
            ["test.csv", "dev.csv", "eval.csv", "train.csv"],
            {"train.csv": "train", "test.csv": "test", "dev.csv": "validation"},
            {"eval.csv": "other files are the validation and test splits"},
        ),
    ],
)
def test_each_file_has_a_split_or_a_reason(names: list[str], splits: dict[str, str], reasons: dict[str, str]) -> None:
    ignored: dict[str, str] = {}
    assert assign(names, "data", ignored) == splits
    assert ignored == reasons


def test_shards_are_one_file_in_the_order_of_their_numbers() -> None:
    names = [f"data/train-{n}.csv" for n in (10, 2, 1)] + ["data/test.csv"]
    assert list(assign(names, "data", {})) == [*(f"data/train-{n}.csv" for n in (1, 2, 10)), "data/test.csv"]


def test_a_missing_shard_is_named() -> None:
    names = ["train-00000-of-00003.parquet", "train-00002-of-00003.parquet", "test-00000-of-00001.parquet"]
    with pytest.raises(DataError, match="data holds 2 of 3 shards: train-00000-of-00003"):
        assign(names, "data", {})


def test_files_of_several_data_sets_are_refused() -> None:
    with pytest.raises(DataError, match=r"holds several files for train: raw/train\.csv, clean/train\.csv;"):
        assign(["raw/train.csv", "clean/train.csv", "raw/test.csv"], "data", {})


@given(st.lists(st.from_regex(r"[a-z0-9_/.-]{1,20}", fullmatch=True), unique=True))
def test_no_file_is_lost(names: list[str]) -> None:
    ignored: dict[str, str] = {}
    try:
        split_of = assign(names, str(Path("data")), ignored)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert sorted([*split_of, *ignored]) == sorted(names)


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_order_is_that_of_numbers(numbers: list[int]) -> None:
    assert in_order([f"a{n}.csv" for n in numbers]) == [f"a{n}.csv" for n in sorted(numbers)]
