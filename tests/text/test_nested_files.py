"""Archives, objects and workbooks that hold more than a table: read where it is plain, else one line says why not."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from core.errors import DataError
from tests.text.test_look import OPEN, ROWS, lines, read, sheet, write
from text.sources.archives import names
from text.sources.columns import Layout
from text.sources.custom import parse

TABLE = "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)


def zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_dot_", "."), content)
    return stream.getvalue()


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_zip_of_one_file_in_an_archive_or_folder_is_read(tmp_path: Path, is_folder: bool) -> None:
    """As Kaggle publishes: train.csv.zip and test.csv.zip in a zip."""
    files = {"train.csv.zip": zipped(train_dot_csv=TABLE, _dot_x="hidden"), "test.csv.zip": zipped(b=TABLE)}
    path = tmp_path / "data"
    if is_folder:
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    assert [(document.split, document.label) for document in parse([path], OPEN)] == [
        (split, label) for split in ("train", "test") for _, label in ROWS
    ]


def test_a_zip_of_several_files_in_a_folder_is_refused_or_left_out(tmp_path: Path) -> None:
    write(tmp_path / "data.csv", TABLE)
    (tmp_path / "more.zip").write_bytes(zipped(a=TABLE, b=TABLE))
    assert read(tmp_path) == ROWS
    (tmp_path / "test.csv.zip").write_bytes(zipped(a=TABLE, b=TABLE))
    with pytest.raises(DataError, match=r"test\.csv\.zip in .* holds 2 files; allowed: one file; unpack it"):
        read(tmp_path)


def test_what_is_hidden_or_added_by_macos_is_not_there(tmp_path: Path) -> None:
    for name in ("train.csv", ".git/test.csv", ".cache/a/train.csv", "__MACOSX/._train.csv", "__MACOSX/train.csv"):
        write(tmp_path / name, TABLE)
    assert names(tmp_path) == ["train.csv"]


@pytest.mark.parametrize(
    "content",
    [
        {"version": 1, "data": [{"text": text, "label": label} for text, label in ROWS]},
        {name: {str(n): row[place] for n, row in enumerate(ROWS)} for place, name in enumerate(("text", "label"))},
        {name: [row[place] for row in ROWS] for place, name in enumerate(("text", "label"))},
        {"columns": ["text", "label"], "index": list(range(40)), "data": [list(row) for row in ROWS]},
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_the_rows_in_one_json_object_are_found(tmp_path: Path, content: object, indent: int | None) -> None:
    assert read(write(tmp_path / "a.json", json.dumps(content, indent=indent))) == ROWS


def test_json_of_one_row_is_a_row(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.jsonl", '{"text": "x", "label": "y"}'), Layout("text", "label")) == [("x", "y")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            {"a": {"b": 1}, "c": 2},
            r"one JSON object with the keys 'a', 'c'; allowed: an array \[\{…\}, \{…\}\], one object per line",
        ),
        ([["a", "x"], ["b"]], r"row 2 of .*a\.json is an array of 1; allowed: an array of 2, as row 1 is"),
        ([["a", "x"], {"b": 1}], r"row 2 of .*a\.json is not an array but \{\"b\": 1\}; allowed: an array of 2"),
        ({"columns": ["a", "b"], "data": [["x"]]}, r"has the columns 'a', 'b', but a row \[\"x\"\]"),
    ],
)
def test_a_json_object_without_rows_says_what_to_do(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read(write(tmp_path / "a.json", json.dumps(content)))


def test_keys_of_nested_objects_are_columns(tmp_path: Path) -> None:
    rows = [json.dumps({"review": {"title": None, "text": text}, "meta": {"label": label}}) for text, label in ROWS]
    assert read(write(tmp_path / "a.jsonl", "\n".join(rows))) == ROWS
    with pytest.raises(
        DataError, match=r"line 1 of .* a key is repeated when the keys of nested objects are joined by dots"
    ):
        read(write(tmp_path / "a.jsonl", '{"a.b": 1, "a": {"b": 2}}\n{"a": 1}\n'))


def test_json_lines_may_have_splits_with_and_without_labels(tmp_path: Path) -> None:
    form = '{{"review": "{text}", "polarity": "{label}"}}'
    for split in ("train", "val", "test"):
        lines(tmp_path / f"{split}.jsonl", form)
    splits = ["train"] * 40 + ["test"] * 40 + ["validation"] * 40
    assert [document.split for document in parse([tmp_path], OPEN)] == splits
    lines(tmp_path / "test.jsonl", '{{"review": "{text}"}}')
    notes: list[str] = []
    documents = [document.split for document in parse([tmp_path], OPEN, notes)]
    assert documents == ["train"] * 40 + ["test"] * 40
    assert "ignored test split, 'test.jsonl': no labels: it has no column 'polarity'" in notes


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_without_its_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes(TABLE.encode(encoding))
    assert read(tmp_path / "a.csv") == ROWS


def test_an_archive_in_an_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "inner.zip").write_bytes(zipped(train_dot_csv=TABLE, test_dot_csv=TABLE))
    with zipfile.ZipFile(tmp_path / "outer", "w") as archive:
        archive.write(tmp_path / "inner.zip", "inner.zip")
    with pytest.raises(DataError, match=r"outer holds no table; found: 'inner\.zip'; .*; unpack inner\.zip$"):
        read(tmp_path / "outer")
    (tmp_path / "outer").unlink()
    with pytest.raises(DataError, match=r"holds no table; .*; data\.source may name .*inner\.zip$"):
        read(tmp_path)


def test_folders_of_classes_beside_each_other_are_named(tmp_path: Path) -> None:
    """As the Enron spam corpus: enron1/ham, enron1/spam, enron1/Summary.txt, enron2/ham, …"""
    for folder in ("enron1", "enron2"):
        write(tmp_path / folder / "Summary.txt", "about")
        for number in range(4):
            write(tmp_path / folder / ("ham", "spam")[number % 2] / f"{number}.txt", f"text {number}")
    with pytest.raises(DataError, match=r"a folder for each class in 'enron1', 'enron2', which name no splits"):
        read(tmp_path)
    assert len(read(tmp_path / "enron1")) == 4


def test_the_sheet_with_the_most_rows_is_read(tmp_path: Path) -> None:
    rows = [["text", "label"], *map(list, ROWS)]
    path = sheet(tmp_path / "a.xlsx", rows, contents={"About": [["a survey"]], "Answers": rows, "Totals": [[1], [2]]})
    notes: list[str] = []
    assert [(document.text, document.label) for document in parse([path], OPEN, notes)] == ROWS
    assert notes[0].endswith("a.xlsx: 'About', 'Totals'")
