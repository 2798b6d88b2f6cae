"""Names of the classes that stand beside the data."""

import json
from pathlib import Path
from typing import Any

import pytest

from config.data import DataParams
from pipelines.download import download
from tests.text.test_look import ROWS, lines, write

FEATURES = {"features": {"label": {"_type": "ClassLabel", "names": ["bad", "good"]}, "text": {"dtype": "string"}}}


def card_of(folder: Path, first: int, **more: Any) -> dict[str, Any]:
    """The card of a table with the labels `first` and `first` + 1."""
    rows = [(text, str(first + (label == "pos"))) for text, label in ROWS]
    lines(folder / "data" / "train.csv", "{label},{text}", rows, "label,text\n")
    lines(folder / "data" / "test.csv", "{label},{text} too", rows, "label,text\n")
    return download(DataParams(name="custom", source=str(folder / "data"), **more), folder / "raw")


@pytest.mark.parametrize(
    ("file", "content", "first"),
    [
        ("classes.txt", "bad\ngood\n", 1),
        ("labels.txt", "bad\ngood", 0),
        ("mapping.txt", "0\tbad\n1\tgood\n", 0),
        ("label_mapping.txt", "3: bad\n4: good\n5: fine\n", 3),
        ("id2label.json", '{"0": "bad", "1": "good"}', 0),
        ("label2id.json", '{"bad": 0, "good": 1}', 0),
        ("categories.json", '["bad", "good"]', 0),
        ("dataset_info.json", json.dumps(FEATURES), 0),
        ("dataset_infos.json", json.dumps({"default": FEATURES}), 0),
    ],
)
def test_labels_that_are_numbers_get_their_names(tmp_path: Path, file: str, content: str, first: int) -> None:
    write(tmp_path / "data" / file, content)
    card = card_of(tmp_path, first)
    assert card["labels"] == ["bad", "good"]
    assert f"class names come from {file}: {first} is 'bad', {first + 1} is 'good'" in card["notes"]
    assert card["splits"]["test"]["labels"] == {"bad": 20, "good": 20}


@pytest.mark.parametrize(
    "content",
    [
        "bad\ngood\nfine\n",
        "bad\n",
        "bad\nbad\n",
        "1\tgood\n2\tfine\n",
        "bad\x07\ngood\n",
        "a file of\nlabels for\nhumans\nto read\n",
        "\xff",
    ],
)
def test_names_that_are_not_plain_are_not_used(tmp_path: Path, content: str) -> None:
    write(tmp_path / "data" / "labels.txt", content)
    card = card_of(tmp_path, 0)
    assert card["labels"] == ["0", "1"]
    assert not any("names" in note for note in card["notes"])


def test_bins_have_names_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "data" / "classes.txt", "bad\ngood\n")
    assert card_of(tmp_path, 1, bins={"1": "1-1", "2": "2-2"})["labels"] == ["1", "2"]


@pytest.mark.parametrize(
    "content", ["[", "3", '{"features": 3}', '{"features": {"label": {"names": 3}}}', '{"x": {}}', "[]"]
)
@pytest.mark.parametrize("file", ["dataset_info.json", "id2label.json"])
def test_a_file_that_holds_no_names_does_no_harm(tmp_path: Path, file: str, content: str) -> None:
    write(tmp_path / "data" / file, content)
    assert card_of(tmp_path, 0)["labels"] == ["0", "1"]
