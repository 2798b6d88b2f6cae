import csv
import json
import zipfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from core.class_names import is_class_name
from core.errors import DataError
from text.sources.columns import Layout
from text.sources.corpus import Document
from text.sources.custom import document_text, parse, sorted_labels
from text.sources.labels import spelled

Rows = Sequence[tuple[Any, Any]]

# White space around a label is left out, and an empty one is missing.
texts = st.text(st.characters(codec="utf-8"))
label_names = st.text(st.characters(codec="utf-8"), max_size=200).map(str.strip).filter(bool)
label_names = label_names.filter(lambda name: is_class_name(name) and spelled(name) == name)
here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def write_delimited(path: Path, rows: Rows, delimiter: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([("text", "label"), *rows])
    return path


def write_csv(path: Path, rows: Rows) -> Path:
    return write_delimited(path.with_suffix(".csv"), rows, ",")


def write_tsv(path: Path, rows: Rows) -> Path:
    return write_delimited(path.with_suffix(".tsv"), rows, "\t")


def write_jsonl(path: Path, rows: Rows) -> Path:
    lines = (json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    path = path.with_suffix(".jsonl")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Rows) -> Path:
    path = path.with_suffix(".parquet")
    pq.write_table(pa.table({"text": [row[0] for row in rows], "label": [row[1] for row in rows]}), path)
    return path


WRITERS = [write_csv, write_tsv, write_jsonl, write_parquet]
Writer = Callable[[Path, Rows], Path]


def read(path: Path) -> list[Document]:
    return list(parse([path], Layout("text", "label")))


def pairs(documents: list[Document]) -> list[tuple[str | None, str | None]]:
    return [(document.text, document.label) for document in documents]


def raw(folder: Path, content: bytes, name: str = "data.csv") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


@here
@given(rows=st.lists(st.tuples(texts, label_names), min_size=1), write=st.sampled_from(WRITERS))
def test_every_format_keeps_every_text_and_label(tmp_path: Path, rows: list[tuple[str, str]], write: Writer) -> None:
    # Lines of a quoted text that hold delimiters can look like rows (test_quotes.py).
    assume(not any("\n" in text and set(text) & {",", "\t"} for text, _ in rows))
    assert pairs(read(write(tmp_path / "data", rows))) == rows


@pytest.mark.parametrize("write", WRITERS)
def test_ids_count_the_rows_of_the_file(tmp_path: Path, write: Writer) -> None:
    documents = read(write(tmp_path / "data", [("a", "x"), ("b\nc", "y"), ("d", "x")]))
    assert [document.id for document in documents] == ["all/1", "all/2", "all/3"]


@pytest.mark.parametrize("write", WRITERS)
def test_an_empty_text_is_kept_and_an_empty_label_is_missing(tmp_path: Path, write: Writer) -> None:
    found = pairs(read(write(tmp_path / "data", [("", "x"), (" \t", "x"), ("a", ""), ("b", " ")])))
    assert found == [("", "x"), (" \t", "x"), ("a", None), ("b", None)]


@pytest.mark.parametrize("write", [write_jsonl, write_parquet])
def test_null_is_missing(tmp_path: Path, write: Writer) -> None:
    assert pairs(read(write(tmp_path / "data", [(None, "x"), ("a", None)]))) == [(None, "x"), ("a", None)]


@pytest.mark.parametrize("write", [write_jsonl, write_parquet])
@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([1, 0, -2], ["1", "0", "-2"]),
        ([1.0, 0.5, float("nan")], ["1", "0.5", None]),
        ([True, False, None], ["true", "false", None]),
    ],
)
def test_numbers_are_labels(tmp_path: Path, write: Writer, values: list[Any], names: list[str | None]) -> None:
    path = write(tmp_path / "data", [("text", value) for value in values])
    assert [document.label for document in read(path)] == names


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["1.0", "1", " 1 ", "0.0"], ["1", "1", "1", "0"]),  # whole numbers beside missing ones are floats to pandas
        (["True", "true", "FALSE"], ["true", "true", "false"]),
        (["caf\u00e9", "cafe\u0301"], ["café", "café"]),
        (["1.50", "1.5", "01", "Pos", "pos", "nan"], ["1.50", "1.5", "01", "Pos", "pos", "nan"]),
    ],
)
def test_a_label_is_one_class_in_every_format(
    tmp_path: Path, write: Writer, values: list[str], names: list[str]
) -> None:
    assert [
        document.label for document in read(write(tmp_path / "data", [("text", value) for value in values]))
    ] == names


def test_decimals_are_numbers(tmp_path: Path) -> None:
    values = [Decimal("1.00"), Decimal("1.50"), Decimal("100.00"), None]
    path = write_parquet(tmp_path / "data", [("text", value) for value in values])
    assert [document.label for document in read(path)] == ["1", "1.5", "100", None]


def test_what_was_changed_or_left_alone_is_noted(tmp_path: Path) -> None:
    write_csv(tmp_path / "train", [("a", "1.0"), ("b", "0.0")])
    write_tsv(tmp_path / "test", [("a", "1"), ("b", "0")])
    write_csv(tmp_path / "sample", [("a", "1")])
    notes: list[str] = []
    assert {document.label for document in parse([tmp_path], Layout("text", "label"), notes)} == {"0", "1"}
    assert notes == [
        "ignored tables: 'sample.csv'",
        "labels whose spelling was changed: 2 (such as '1.0' to '1', '0.0' to '0')",
    ]


def test_a_text_that_is_a_number_is_written_as_one(tmp_path: Path) -> None:
    assert pairs(read(write_jsonl(tmp_path / "data", [(12, "x")]))) == [("12", "x")]


def test_a_categorical_column_is_read_as_its_values(tmp_path: Path) -> None:
    label = pa.array(["x", "y", "x"]).dictionary_encode()
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": label}), tmp_path / "data.parquet")
    assert [document.label for document in read(tmp_path / "data.parquet")] == ["x", "y", "x"]


@pytest.mark.parametrize(
    "content", [b"text,label\r\na,1\r\n", b"\xef\xbb\xbftext,label\na,1", b"text,label\n\na,1\n\n"]
)
def test_crlf_byte_order_mark_and_empty_lines_change_nothing(tmp_path: Path, content: bytes) -> None:
    assert pairs(read(raw(tmp_path, content))) == [("a", "1")]


def test_jsonl_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = raw(tmp_path, b'\xef\xbb\xbf{"text": "a", "label": 1}\r\n\r\n', "data.jsonl")
    assert pairs(read(path)) == [("a", "1")]


def test_nul_bytes_and_long_documents_are_text(tmp_path: Path) -> None:
    rows = [("a\x00b", "x"), ("word " * 2_000_000, "y"), ("🎬 שלום", "x")]
    for write in WRITERS:
        assert pairs(read(write(tmp_path / "data", rows))) == rows


def test_other_columns_may_be_anything(tmp_path: Path) -> None:
    path = raw(tmp_path, b'id,text,id,label,\n1,a,2,x,"multi\nline"\n')
    assert pairs(read(path)) == [("a", "x")]


def test_tsv_without_quoting_is_read_as_it_stands(tmp_path: Path) -> None:
    path = raw(tmp_path, b'text\tlabel\n"good" film\tx\nsay "hi\ty\n""\tx\n', "data.tsv")
    assert pairs(read(path)) == [('"good" film', "x"), ('say "hi', "y"), ('""', "x")]


def test_the_files_of_a_folder_are_the_splits(tmp_path: Path) -> None:
    write_csv(tmp_path / "train", [("a", "x")])
    write_jsonl(tmp_path / "Test", [("b", "x")])
    write_parquet(tmp_path / "dev", [("c", "y")])
    raw(tmp_path, b"no data", "notes.txt")
    write_csv(tmp_path / "sample_submission", [("d", "y")])
    found = sorted((document.split, document.id, document.text) for document in read(tmp_path))
    assert found == [("test", "test/1", "b"), ("train", "train/1", "a"), ("validation", "validation/1", "c")]


def test_an_archive_serves_like_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, writer in {"train": write_tsv, "test": write_parquet}.items():
            archive.write(file := writer(tmp_path / name, [(name, "x")]), f"folder/{file.name}")
        archive.writestr("__MACOSX/._train.tsv", b"\x00junk")
    assert sorted(pairs(read(path))) == [("test", "x"), ("train", "x")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], r"holds no table; found: nothing; allowed: \.csv"),
        (["test.csv", "dev.csv"], r"has no file for train; found: 'dev\.csv', 'test\.csv'; allowed:"),
        (
            ["a.csv", "b.csv"],
            r"holds 'a\.csv', 'b\.csv', which seem to be versions of one .*; data\.source may name one",
        ),
        (["a.csv", "b.tsv"], r"has no file for train; found: 'a\.csv', 'b\.tsv'; allowed:"),
        (["notes.md"], r"holds no table; found: 'notes\.md'; allowed: \.csv, \.tsv, \.jsonl, \.parquet, .*text lines$"),
        (["train.csv", "train.tsv", "test.csv"], r"holds several files for train: train\.csv, train\.tsv; allowed:"),
        (
            ["train.csv", "test.csv", "dev.csv", "valid.csv"],
            r"holds several files for validation: dev\.csv, valid\.csv",
        ),
    ],
)
def test_files_that_are_no_data_set_are_named(tmp_path: Path, files: list[str], message: str) -> None:
    for name in files:
        raw(tmp_path, b"text,label\na,x\n", name)
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_a_file_of_another_kind_ends_in_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.xls holds no table; found: .*; save it as \.xlsx or CSV"):
        read(raw(tmp_path, b"text,label\na,x\n", "a.xls"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", b"", r"data\.csv holds no rows; expected 'text' and 'label' of documents$"),
        ("data.csv", b"text,label\n", r"data\.csv holds no rows"),
        ("data.jsonl", b"\n", r"data\.jsonl holds no rows"),
        (
            "data.csv",
            b"Text;label\na;1\n",
            r"data\.text_column is 'text', but .*has no such column; did you mean 'Text'\? allowed: 'Text', 'label'",
        ),
        ("data.csv", b"text,class\na,1\n", r"data\.label_column is 'label', but .* allowed: 'text', 'class', or "),
        ("data.csv", b"text,label,text\na,1,b\n", r"data\.text_column is 'text', but .* has 2 columns of that name"),
        ("data.jsonl", b'{"text": "a"}\n{"text": "b", "class": 1}', r"data\.label_column .* allowed: 'text', 'class'$"),
        (
            "data.csv",
            b"text,label\na,1\na,b,1\n",
            r"line 3 of .*data\.csv begins a row with 3 fields, but the first row has 2; a text that",
        ),
        (
            "data.csv",
            b'text,label\n"a"b,1\n',
            r"data\.csv is not valid CSV at line 2: ',' expected after '\"'; a text with quotes",
        ),
        (
            "data.csv",
            b'text,label\n"a,1\nb,2\n',
            r"data\.csv is not valid CSV at line 2: the row that begins there opens a quote that is never closed; ",
        ),
        (
            "data.csv",
            b"text,label\na,1\n\xe9t\xe9,1\n",
            r"line 3 of .*data\.csv is not UTF-8 text: byte 0xe9 at position 1",
        ),
        ("data.csv", "text,label\na,1\n".encode("utf-16") + b"x", r"data\.csv is damaged \(not valid UTF-16"),
        (
            "data.tsv",
            b"text\tlabel\na\t1\nb\n",
            r"line 3 of .*data\.tsv begins a row with 1 fields, but the first row has 2; every row must",
        ),
        ("data.jsonl", b'{"text": "a", "label": 1}\n{"text": ', r"line 2 of .*data\.jsonl is not valid JSON: "),
        ("data.jsonl", b"[1, 2]", r"line 1 of .*data\.jsonl is not a JSON object but \[1, 2\]; allowed: "),
        ("data.jsonl", b"[" * 100_000, r"line 1 of .*data\.jsonl is not valid JSON: "),
        ("data.jsonl", b'{"text": "a", "label": 1, "text": "b"}', r"not valid JSON: a key is repeated$"),
        ("data.jsonl", b'{"text": ["a"], "label": 1}', r"column 'text' holds a list in row 1 of .*; allowed: text$"),
        ("data.jsonl", b'{"text": "a", "label": {}}', r"column 'label' holds a dict in row 1 of .*; allowed: text or"),
        (
            "data.jsonl",
            b'{"text": "a", "label": ["x", "y"]}',
            r"column 'label' holds a list in row 1 of .*; the data look multi-label; allowed: text or numbers",
        ),
        ("data.csv", b"text,label\na,1,\n", r"line 2 of .* with 3 fields, .* has 2; it ends with an extra delimiter$"),
        (
            "data.csv",
            b"text,label\na," + b"x" * 201,
            r"'xxx.*'… of 201 characters in row 1 of .*; allowed: at most 200, .*data\.label_column mixed up\?$",
        ),
        ("data.csv", b'text,label\na,"x\ny"\n', r"column 'label' holds 'x\\ny' in row 1 of .*; allowed: one line"),
        (
            "data.csv",
            b"text,label\na,\x1b[31mred\n",
            r"column 'label' holds '\\x1b\[31mred' in row 1 of .*; allowed: one line",
        ),
        (
            "data.jsonl",
            b'{"text": "\\ud800", "label": 1}',
            r"column 'text' holds half a surrogate pair in row 1 of",
        ),
        ("data.parquet", b"PAR1 nothing PAR1", r"data\.parquet cannot be read as Parquet: "),
        ("data.parquet", b"", r"data\.parquet cannot be read as Parquet: "),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(raw(tmp_path, content, name))
    assert "\n" not in str(caught.value)


def test_parquet_with_two_columns_of_a_name_is_refused(tmp_path: Path) -> None:
    table = pa.table([["a"], ["b"], ["x"]], names=["text", "text", "label"])
    pq.write_table(table, tmp_path / "data.parquet")
    with pytest.raises(DataError, match=r"data\.parquet has 2 columns of that name"):
        read(tmp_path / "data.parquet")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".tsv", ".jsonl", ".parquet"]))
def test_random_bytes_never_end_in_a_traceback(tmp_path: Path, content: bytes, suffix: str) -> None:
    try:
        read(raw(tmp_path, b'text,label\n{"text": "a", "label": 1}\n' + content, f"data{suffix}"))
    except DataError as error:
        assert "\n" not in str(error)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(write=st.sampled_from(WRITERS), data=st.data())
def test_a_damaged_file_never_ends_in_a_traceback(tmp_path: Path, write: Writer, data: st.DataObject) -> None:
    path = write(tmp_path / "data", [('a "quoted" text', "x"), ("é\n", "y")])
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        read(path)
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["10", "9", "-1", "2.5"], ["-1", "2.5", "9", "10"]),
        (["b", "10", "9"], ["10", "9", "b"]),
        (["nan", "2", "1"], ["1", "2", "nan"]),
        (["1.0", "1"], ["1", "1.0"]),
    ],
)
def test_classes_are_ordered_by_number_or_alphabet(names: list[str], expected: list[str]) -> None:
    assert sorted_labels(names) == sorted_labels(reversed(names)) == expected


def test_a_million_labels_are_read(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"a,label {n}\n" for n in range(1_000_000))
    documents = parse([raw(tmp_path, content.encode())], Layout("text", "label"))
    assert len({document.label for document in documents}) == 1_000_000


def test_a_column_of_structs_names_its_parts() -> None:
    layout: Any = SimpleNamespace(text="text")
    with pytest.raises(
        DataError, match=r"^column 'text' holds a dict in row 1; allowed: text; save one of its parts \(en, de\) as"
    ):
        document_text({"en": "a", "de": "b"}, layout, "row 1")
