"""CSV, TSV and other tables as people have them; test_custom.py tests what all formats share."""

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import DataError
from text.sources.columns import Layout
from text.sources.custom import parse

NAMED = Layout("text", "label")
TEXTS = ["1,5 points; no more", 'a "quoted" film | with\ttab', "two\r\nlines, one film", "", "été 🎬"]


def read(path: Path, layout: Layout = NAMED) -> list[tuple[Any, Any]]:
    return [(document.text, document.label) for document in parse([path], layout)]


def write(path: Path, rows: Sequence[Sequence[object]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_is_separated_by_what_gives_its_header_both_columns(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [(number, text, "x", "1,5") for number, text in enumerate(TEXTS)]
    path = write(tmp_path / "data.csv", [("", "text", "label", "stars"), *rows], delimiter, encoding)
    assert read(path) == [(text, "x") for text in TEXTS]


def test_column_names_may_hold_other_delimiters_and_spaces(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", [("Review; Text", "Stars (1,2)"), ("a", 1)])
    assert read(path, Layout("Review; Text", "Stars (1,2)")) == [("a", "1")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_file_without_a_header_has_columns_by_number(tmp_path: Path, delimiter: str) -> None:
    rows = [(text, number, "x") for number, text in enumerate(TEXTS * 50)]
    path = write(tmp_path / "data.csv", rows, delimiter)
    assert read(path, Layout(1, 3)) == [(text, "x") for text in TEXTS * 50]


@pytest.mark.parametrize(("delimiter", "other"), [("\t", ","), (";", ","), ("|", ";"), (",", ";")])
def test_without_a_header_the_delimiter_gives_the_fewest_labels(tmp_path: Path, delimiter: str, other: str) -> None:
    """Every row also has one of another delimiter."""
    rows = [(f"film {n}{other} well", "xy"[n % 2]) for n in range(10)]
    path = tmp_path / "data.csv"
    path.write_text("".join(delimiter.join(row) + "\n" for row in rows), encoding="utf-8")
    assert read(path, Layout(1, 2)) == rows


def test_tsv_without_a_header_has_columns_by_number(tmp_path: Path) -> None:
    path = tmp_path / "data.tsv"
    path.write_bytes(b'x\t"good" film\ny\tbad\n')
    assert read(path, Layout(2, 1)) == [('"good" film', "x"), ("bad", "y")]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_another_encoding_is_read_as_what_it_is(tmp_path: Path, suffix: str) -> None:
    content = {
        ".csv": "text,label\r\n“très” — 5 €,é\r\n",
        ".tsv": "text\tlabel\r\n“très” — 5 €\té\r\n",
        ".jsonl": '{"text": "“très” — 5 €", "label": "é"}\n',
    }
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content[suffix].encode("cp1252"))
    assert read(path, Layout("text", "label", "cp1252")) == [("“très” — 5 €", "é")]
    with pytest.raises(
        DataError, match=rf"line [12] of .*data{suffix} is not UTF-8 .*; data.encoding may name another"
    ):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_with_its_mark_is_read(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = write(tmp_path / "data.csv", [(f"{mark}text", "label"), ("naïve 🎬", "x")], "\t", encoding)
    assert read(path) == [("naïve 🎬", "x")]
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"data\.csv is damaged \(not valid UTF-16: "):
        read(path)


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            Layout("Text", "label"),
            r"data\.text_column is 'Text', .*; did you mean 'text'\? allowed: 'text', 'label'",
        ),
        (
            Layout("text", "x"),
            r"data\.label_column is 'x', .*; allowed: 'text', 'label', or column numbers",
        ),
        (Layout(1, 3), r"data\.label_column is 3, but line 1 of .*data\.csv has 2 fields$"),
    ],
)
def test_a_column_that_is_not_there_ends_in_what_is(tmp_path: Path, layout: Layout, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(write(tmp_path / "data.csv", [("text", "label"), ("a", "x")]), layout)


def test_formats_with_names_take_no_column_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": ["x"]}), tmp_path / "data.parquet")
    (tmp_path / "data.jsonl").write_text('{"text": "a", "label": "x"}', encoding="utf-8")
    for name in ("data.parquet", "data.jsonl"):
        with pytest.raises(DataError, match=r"data\.text_column is 1, .* no such column; allowed: 'text', 'label'$"):
            read(tmp_path / name, Layout(1, 2))


@pytest.mark.parametrize("layout", [Layout(None, None), Layout("text", "stars")])
def test_json_columns_behind_a_hundred_others_are_found(tmp_path: Path, layout: Layout) -> None:
    key = str(layout.label or "label")
    rows = [{f"votes_{row}_{number}": "1" for number in range(120)} for row in range(20)]
    for number, row in enumerate(rows):
        row |= {"text": f"film {number}", key: "xy"[number % 2]}
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read(path, layout) == [(row["text"], row[key]) for row in rows]


def test_a_json_column_that_only_late_rows_have_is_found(tmp_path: Path) -> None:
    rows = [{f"votes_{row}_{number}": "1" for number in range(5)} | {"text": f"film {row}"} for row in range(60)]
    rows[50:] = [row | {"stars": "x"} for row in rows[50:]]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read(path, Layout("text", "stars"))[45:55] == [
        (f"film {row}", "x" if row > 49 else None) for row in range(45, 55)
    ]


def test_documents_in_files_have_ids_of_their_own_whatever_the_names(tmp_path: Path) -> None:
    for label in ("pos", "neg"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for name in (b"1.txt", b"1", b"caf\xe9.txt", b"3.txt"):  # not all file systems take the third
            (tmp_path / "data" / label / os.fsdecode(name)).write_text(f"a {label} text")
    ids = [document.id for document in parse([tmp_path / "data"], Layout(None, None))]
    assert len(set(ids)) == 8
    assert {name.encode().decode() for name in ids} >= {"all/pos/3", "all/neg/3", "all/pos/caf\\udce9"}


@pytest.mark.parametrize("name", ["config.json", "metadata.json", "readme.csv", "urls_2.csv", "license.txt"])
def test_the_only_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    rows = [(f"film {number}", "xy"[number % 2]) for number in range(20)]
    path = tmp_path / name
    if name.endswith("json"):
        path.write_text(json.dumps([{"text": text, "label": label} for text, label in rows]))
    else:
        write(path, [("text", "label"), *rows])
    assert read(path) == rows
