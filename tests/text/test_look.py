"""Data sets as people publish them: what is found in them, what is ignored and why, and what is asked."""

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.look import look as page_about
from core.errors import DataError
from tests.text.test_archives import COMPRESSIONS
from text.sources.column_choice import Unclear
from text.sources.columns import Layout
from text.sources.custom import parse
from text.sources.look import ignored_by_reason, look

WORDS = "a dull film and a great scene of the plot was good but not fine".split(" ")  # noqa: SIM905
ROWS = [(" ".join([*WORDS[n % 5 :], f"no{n}"]), ["neg", "pos"][n % 2]) for n in range(40)]
OPEN = Layout(None, None)


def read(path: Path, layout: Layout = OPEN) -> list[tuple[Any, Any]]:
    return [(document.text, document.label) for document in parse([path], layout)]


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def lines(path: Path, form: str, rows: list[tuple[str, str]] = ROWS, head: str = "") -> Path:
    return write(path, head + "".join(form.format(text=text, label=label) + "\n" for text, label in rows))


@pytest.mark.parametrize(
    ("name", "form", "head"),
    [
        ("a.csv", "{text};{label}", "comment;class\n"),
        ("a.csv", "{text};{label}", ""),
        ("a.csv", "{text}|{label}", "Kommentar|Klasse\n"),
        ("a.csv", "{label},{text},,,", "v1,v2,,,\n"),
        ("a.csv", '"{label}","{text}"', ""),
        ("a.csv", "{text};{label}", "sep=;\nreview;stars\n"),
        ("a.csv", "{text}\t{label}", "sep=\t\n"),
        ("a.tsv", "{label}\t{text}", "Label\tSentence\n"),
        ("a.txt", "{label}\t{text}", ""),
        ("a.txt", "__label__{label} {text}", ""),
        ("a", "__label__{label} {text}", ""),
        ("train_5500.label", "{label}:x {text}", ""),
        ("a.ndjson", '{{"review": "{text}", "sentiment": "{label}"}}', ""),
        ("a.json", '{{"review": "{text}", "sentiment": "{label}"}}', ""),
        ("a.txt", '{{"review": "{text}", "sentiment": "{label}"}}', ""),
    ],
)
def test_text_and_label_are_found_where_they_are_plain(tmp_path: Path, name: str, form: str, head: str) -> None:
    path = lines(tmp_path / name, form, head=head)
    suffix = ":x" if name.startswith("train") else ""
    assert read(path) == [(text, label + suffix) for text, label in ROWS]


def write_json_array(path: Path) -> None:
    path.write_text(json.dumps([{"headline": text, "kind": label} for text, label in ROWS], indent=1), encoding="utf-8")


def columns_of(kind: pa.DataType) -> pa.Table:
    texts, labels = zip(*ROWS, strict=True)
    return pa.table(
        {"idx": range(len(ROWS)), "body": pa.array(texts, kind), "kind": pa.array(labels).dictionary_encode()}
    )


def write_stream(path: Path) -> None:
    with pa.ipc.new_stream(str(path), columns_of(pa.string()).schema) as stream:
        stream.write_table(columns_of(pa.string()))


@pytest.mark.parametrize(
    ("name", "writer"),
    [
        ("a.json", write_json_array),
        ("a.parquet", lambda path: pq.write_table(columns_of(pa.binary()), path)),
        ("a.parquet", lambda path: pq.write_table(columns_of(pa.large_string()), path)),
        ("a", lambda path: pq.write_table(columns_of(pa.string()), path)),
        ("a.feather", lambda path: feather.write_feather(columns_of(pa.large_string()), str(path))),
        ("a.arrow", write_stream),
    ],
)
def test_tables_of_other_programs_are_read(tmp_path: Path, name: str, writer: Callable[[Path], None]) -> None:
    writer(tmp_path / name)
    assert read(tmp_path / name) == ROWS


def sheet(
    path: Path, rows: list[list[Any]], sheets: int = 1, contents: dict[str, list[list[Any]]] | None = None
) -> Path:
    """A workbook as Excel writes it, in its fewest parts: `rows` in the last of `sheets`, or the `contents` by name."""
    contents = contents or {f"S{n}": rows if n == sheets - 1 else [] for n in range(sheets)}
    sheets = len(contents)

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    names = "".join(f'<sheet name="{name}" sheetId="{n + 1}" r:id="rId{n}"/>' for n, name in enumerate(contents))
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{office}/worksheet" Target="worksheets/s{n}.xml"/>' for n in range(sheets)
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{package}/content-types"/>')
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr("xl/workbook.xml", f'<workbook {main} xmlns:r="{office}"><sheets>{names}</sheets></workbook>')
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}/relationships">{relations}</Relationships>'
        )
        for n, rows_of_one in enumerate(contents.values()):
            rows_of_sheet = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows_of_one)
            archive.writestr(
                f"xl/worksheets/s{n}.xml", f"<worksheet {main}><sheetData>{rows_of_sheet}</sheetData></worksheet>"
            )
    return path


@pytest.mark.parametrize("sheets", [1, 2])
def test_the_first_sheet_of_a_workbook_that_holds_something_is_read(tmp_path: Path, sheets: int) -> None:
    rows = [[number, text, int(label == "pos")] for number, (text, label) in enumerate(ROWS)]
    path = sheet(tmp_path / "a.xlsx", [["no", "review", "stars"], *rows], sheets)
    assert read(path) == [(text, str(int(label == "pos"))) for text, label in ROWS]
    assert read(sheet(tmp_path / "b.xlsx", rows, sheets)) == read(path)


def test_a_broken_workbook_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"no zip")
    with pytest.raises(DataError, match=r"a\.xlsx is damaged"):
        read(tmp_path / "a.xlsx")


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_compressed_table_is_read_as_if_it_were_plain(tmp_path: Path, suffix: str) -> None:
    path = lines(tmp_path / "a.csv", "{text};{label}", head="comment;class\n")
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / f"b/c/a.csv{suffix}").write_bytes(COMPRESSIONS[suffix](path.read_bytes()))
    assert read(tmp_path / "b") == read(tmp_path / f"b/c/a.csv{suffix}") == ROWS


def test_val_is_a_split_and_shards_are_read_in_order(tmp_path: Path) -> None:
    for n in (10, 9, 1):
        lines(tmp_path / f"train-{n}.csv", "{text},{label}", [(f"{n} {ROWS[0][0]}", "a"), *ROWS], "text,label\n")
    for name in ("val", "test"):
        lines(tmp_path / f"{name}.csv", "{text},{label}", ROWS, "text,label\n")
    documents = list(parse([tmp_path], OPEN))
    train = [document for document in documents if document.split == "train"]
    assert {document.split for document in documents} == {"train", "test", "validation"}
    assert [document.id for document in train] == [f"train/{n}" for n in range(1, 124)]
    assert [(document.text or "").split()[0] for document in train if document.label == "a"] == ["1", "9", "10"]


def test_hugging_face_s_folder_on_disk_is_read(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        write_stream(tmp_path / split / "data-00000-of-00001.arrow")
        write(tmp_path / split / "state.json", "{}")
        write(tmp_path / split / "dataset_info.json", "{}")
    write(tmp_path / "dataset_dict.json", '{"splits": ["train", "test"]}')
    write(tmp_path / "README.md", "text")
    assert read(tmp_path) == [*ROWS, *ROWS]
    assert len(look(tmp_path, OPEN).arrangement.ignored) == 6


@pytest.mark.parametrize(
    ("texts", "labels"), [("train.txt", "train.labels"), ("train_text.txt", "train_labels.txt"), ("X.txt", "y.txt")]
)
def test_a_file_of_labels_belongs_to_a_file_of_texts(tmp_path: Path, texts: str, labels: str) -> None:
    lines(tmp_path / texts, "{text}")
    lines(tmp_path / labels, "{label}")
    assert read(tmp_path) == ROWS
    if texts.startswith("train"):
        lines(tmp_path / texts.replace("train", "test"), "{text}", ROWS[:3])
        lines(tmp_path / labels.replace("train", "test"), "{label}", ROWS[:3])
        write(tmp_path / "mapping.txt", "0 neg\n")
        assert read(tmp_path) == [*ROWS, *ROWS[:3]]
        assert "mapping.txt" in look(tmp_path, OPEN).arrangement.ignored
    lines(tmp_path / labels, "{label}", ROWS[:-1])
    with pytest.raises(DataError, match=rf"{texts} has 40 lines, but {labels} has 39; allowed: as many"):
        read(tmp_path)


@pytest.mark.parametrize("splits", [("",), ("train/", "test/"), ("news-bydate-train/", "news-bydate-test/")])
@pytest.mark.parametrize("suffix", ["", ".txt"])
def test_a_folder_is_a_class(tmp_path: Path, splits: tuple[str, ...], suffix: str) -> None:
    for split in splits:
        for number, (text, label) in enumerate(ROWS):
            write(tmp_path / "data" / f"{split}{label}" / f"{number}{suffix}", text)
    write(tmp_path / "data" / "README.txt", "about")
    documents = list(parse([tmp_path / "data"], OPEN))
    assert len(documents) == len(splits) * len(ROWS)
    assert {document.split for document in documents} == ({"all"} if splits == ("",) else {"train", "test"})
    assert [(d.text, d.label) for d in documents[: len(ROWS)]] == sorted(ROWS, key=lambda row: row[1])
    assert documents[0].id == f"{documents[0].split}/neg/0"


def test_documents_without_a_label_are_ignored_and_named(tmp_path: Path) -> None:
    for folder in ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg"):
        for number in range(3):
            write(tmp_path / folder / f"{number}.txt", "text")
    found = look(tmp_path, OPEN)
    assert len(found.files) == 12
    [line] = ignored_by_reason(found.arrangement)
    assert line.endswith("the folder unsup holds documents without a label")


def test_several_text_columns_are_joined(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.csv", "{label},Title,{text}", head="kind,title,body\n")
    assert read(path, Layout(("title", "body"), "kind")) == [(f"Title {text}", label) for text, label in ROWS]
    path = write(
        tmp_path / "a.jsonl", '{"title": null, "body": "b", "kind": 1}\n{"title": "a", "body": "b", "kind": 1}'
    )
    assert read(path, Layout(("title", "body"), "kind")) == [("b", "1"), ("a b", "1")]


@pytest.mark.parametrize(
    ("content", "question"),
    [
        (
            "foo;bar\n" + "".join(f"w{n};{'xy'[n % 2]}\n" for n in range(20)),
            r"the first row of .*a\.csv may be a header or a document: 'foo', 'bar'; set data\.text_column and",
        ),
        (
            "left,right,stars\n" + "".join(f"{text},{text} too,{n % 3}\n" for n, (text, _) in enumerate(ROWS)),
            r"data\.text_column is null, .* more than one .* text; allowed: 'left', 'right', or \['left', 'right'\]$",
        ),
        (
            "text,coarse,fine\n" + "".join(f"{text},{n % 2},{n % 3}\n" for n, (text, _) in enumerate(ROWS)),
            r"data\.label_column is null, .* more than one .* class; allowed: 'coarse', 'fine'$",
        ),
        (
            "a,b,c\n" + "".join(f"{n},{n / 7},{n * n}\n" for n in range(20)),
            r"data\.label_column is null, .* no column clearly holds the class; allowed: 'a', 'b', 'c'$",
        ),
    ],
)
def test_what_is_not_plain_is_asked_in_one_line_that_names_the_key(tmp_path: Path, content: str, question: str) -> None:
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(Unclear, match=question) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    page = page_about(str(path))
    assert f"to decide: {raised.value}" in page
    assert "data:\n  name: custom\n" in page


def test_the_page_says_what_is_there_and_its_section_is_what_params_take(tmp_path: Path) -> None:
    lines(tmp_path / "twitter_training.csv", "1,{text},{label}", head=",tweet,sentiment\n")
    lines(tmp_path / "twitter_test.csv", "1,{text},{label}", head=",tweet,sentiment\n")
    lines(tmp_path / "sample.csv", "1", head="id\n")
    page = page_about(str(tmp_path))
    assert "  twitter_training.csv: train, CSV, separated by comma, with a header, utf-8\n" in page
    assert "  'sample.csv': its name says neither train nor validation nor test\n" in page
    assert f"  'neg': {repr(ROWS[0][0])[:60]}" in page
    values = f"name: custom\n  source: {tmp_path}\n  text_column: tweet\n  label_column: sentiment"
    assert f"data:\n  {values}" in page
    assert read(tmp_path, Layout("tweet", "sentiment")) == read(tmp_path)


texts = st.lists(st.sampled_from(WORDS), min_size=4, max_size=9).map(" ".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(texts, st.sampled_from(["x", "y", "z"])), min_size=12, unique_by=lambda row: row[0]),
    delimiter=st.sampled_from(",;\t|"),
    swapped=st.booleans(),
    header=st.booleans(),
)
def test_a_guess_is_right_or_a_question(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, swapped: bool, header: bool
) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        written = [("what was said", "how")] * header + rows
        writer.writerows(row[::-1] if swapped else row for row in written)
    try:
        assert read(tmp_path / "a.csv") == rows
    except Unclear as question:
        assert "\n" not in str(question)
