"""data.bins: numbers and stars become classes; what is in no bin is dropped and counted."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.data import DataParams
from core.errors import DataError
from pipelines.download import download
from text.sources.bins import Binned, number_of

STARS = {"negative": "1-2", "positive": "4-5"}


def params(bins: Any, source: Path | str = "a.csv") -> DataParams:
    return DataParams(name="custom", source=str(source), bins=bins)


def write_reviews(path: Path, labels: list[str]) -> Path:
    path.write_text("review,stars\n" + "".join(f"a film like no {n},{label}\n" for n, label in enumerate(labels)))
    return path


def test_documents_in_no_bin_are_dropped_and_counted(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "a.csv", ["1", "2.0", "3", "4 stars", "5/5"] * 20)
    card = download(params(STARS, path), tmp_path / "raw")
    assert card["labels"] == ["negative", "positive"]
    assert sum(split["rows"] for split in card["splits"].values()) == 80
    assert "documents dropped because their label is in no bin of data.bins: 20 (3: 20)" in card["notes"]
    rows = [row for split in card["splits"] for row in pq.read_table(tmp_path / f"raw/{split}.parquet").to_pylist()]
    assert all((int(row["text"].split()[-1]) % 5 > 2) == (row["label"] == 1) for row in rows)


def test_bins_that_leave_a_split_without_documents_are_named_with_its_labels(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "a.csv", ["10", "11"] * 20)
    with pytest.raises(
        DataError, match=r"^data\.bins has no bin for any of the documents, .* are 10: 20, 11: 20; allow"
    ):
        download(params(STARS, path), tmp_path / "raw")
    folder = tmp_path / "data"
    folder.mkdir()
    write_reviews(folder / "train.csv", ["1", "5"] * 20)
    write_reviews(folder / "test.csv", ["3"] * 20)
    with pytest.raises(DataError, match=r"no bin for any of the test split's documents, whose labels are 3: 20; allow"):
        download(params(STARS, folder), tmp_path / "raw")


def test_a_label_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = write_reviews(tmp_path / "a.csv", ["1", "5", "great"] * 4)
    with pytest.raises(DataError, match=r"data\.bins is set, but the label is 'great' in row 3 of .*a\.csv; allowed: "):
        download(params(STARS, path), tmp_path / "raw")


@given(st.floats(-100, 100, allow_nan=False))
def test_both_ends_belong_to_a_bin(number: float) -> None:
    bins = params({"low": "-50--0.5", "one": 1, "high": "2.5-100"}).bins
    assert bins is not None
    name = Binned(bins).name(f"{number:f}", "train", "row 1")
    exact = float(f"{number:f}")
    assert name == ("low" if -50 <= exact <= -0.5 else "one" if exact == 1 else "high" if exact >= 2.5 else None)


@pytest.mark.parametrize(
    ("label", "number"),
    [
        *(("3", 3), ("-1", -1), ("4.5", 4.5), ("4,5", 4.5), ("4 / 5", 4), ("1 star", 1), ("10 points", 10), ("★★", 2)),
        *(("⭐⭐⭐", 3), ("4 out of 5 stars", 4), ("4th", None), ("", None), ("1-2", None), ("☆", None)),
    ],
)
def test_ratings_are_read_as_people_write_them(label: str, number: float | None) -> None:
    assert number_of(label) == number


@pytest.mark.parametrize(
    ("bins", "message"),
    [
        ({"a": "1-2"}, r"data\.bins is \{'a': '1-2'\}; allowed: null, or two classes or more"),
        ({"a": "2-1", "b": 3}, r"data\.bins\.a is '2-1'; allowed: a number, or a range such as 1-2"),
        ({"a": "low", "b": 3}, r"data\.bins\.a is 'low'; allowed: a number, or a range such as 1-2"),
        ({"a": True, "b": 3}, r"data\.bins\.a is True; allowed: a number"),
        ({"two\nlines": 1, "b": 3}, r"data\.bins has the class 'two.nlines'; allowed: a line of at most 200 char"),
        ({"x" * 201: 1, "b": 3}, r"data\.bins has the class 'xx.*; allowed: a line of at most 200 characters"),
        ({"a": "1-3", "b": "3-5"}, r"data\.bins\.a is '1-3' and b '3-5'; they overlap"),
    ],
)
def test_wrong_bins_are_refused(bins: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        params(bins)


def test_bins_belong_to_custom_data() -> None:
    with pytest.raises(ValueError, match=r"data\.bins is set, but data\.name is imdb; allowed for custom"):
        DataParams.model_validate({"name": "imdb", "bins": STARS})
