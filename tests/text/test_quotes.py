"""Quotation marks: a file is read as it was written, whatever program wrote it."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.errors import DataError
from predictor.texts import TableFile
from text.sources.columns import Layout
from text.sources.custom import parse

Rows = list[tuple[str, str]]
ORDINARY = [(f"an ordinary film {n}", ["pos", "neg"][n % 2]) for n in range(6)]
LOST = [('"good film', "pos"), ("bad film", "neg"), ('I call it art"', "neg")]  # as CSV one row
here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)


NAMED = Layout("text", "label")


def read(*files: Path, layout: Layout = NAMED) -> tuple[Rows, list[str]]:
    """The rows of a file, or of a folder's files, and the notes."""
    notes: list[str] = []
    path = files[0] if len(files) == 1 else files[0].parent
    documents = parse([path], layout, notes)
    return [(document.text or "", document.label or "") for document in documents], notes


def plain(path: Path, rows: Rows, delimiter: str = "\t", end: str = "\n") -> Path:
    path.write_bytes("".join(delimiter.join(row) + end for row in [("text", "label"), *rows]).encode())
    return path


def quoted(path: Path, rows: Rows, delimiter: str = "\t", quoting: int = csv.QUOTE_MINIMAL, end: str = "\r\n") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows([("text", "label"), *rows])  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("name", "delimiter"), [("data.tsv", "\t"), ("data.csv", "\t"), ("data.csv", ","), ("data.csv", ";")]
)
def test_quotes_that_would_join_rows_are_literal(tmp_path: Path, name: str, delimiter: str, end: str) -> None:
    for rows in ([*LOST, *ORDINARY], [*ORDINARY, *LOST], [*LOST[:2], *ORDINARY, LOST[2]]):
        found, [note] = read(plain(tmp_path / name, rows, delimiter, end))
        assert found == rows
        assert "separated files are read literally: as CSV, " in note
        assert str(tmp_path) not in note


@pytest.mark.parametrize("columns", [(1, 2), (2, 1)])
def test_quotes_that_would_join_rows_are_literal_without_a_header(tmp_path: Path, columns: tuple[int, int]) -> None:
    rows = [*LOST, *ORDINARY]
    path = tmp_path / "data.tsv"
    path.write_text("".join("\t".join(row[:: 1 if columns == (1, 2) else -1]) + "\n" for row in rows), encoding="utf-8")
    assert read(path, layout=Layout(*columns))[0] == rows


def test_a_file_that_is_one_quoted_field_to_csv_keeps_its_rows(tmp_path: Path) -> None:
    rows = [LOST[0], *ORDINARY, LOST[2]]
    assert read(plain(tmp_path / "data.tsv", rows))[0] == rows
    assert read(plain(tmp_path / "data.tsv", LOST))[0] == LOST


@pytest.mark.parametrize(
    "row",
    [
        ('"good" film', "pos"),
        ('"never closed', "pos"),
        ('say "hi" to it', "pos"),
        ('"quoted as a whole"', "pos"),
        ('"', "neg"),
    ],
)
def test_tsv_that_no_writer_of_csv_wrote_is_read_as_it_stands(tmp_path: Path, row: tuple[str, str]) -> None:
    found, [note] = read(plain(tmp_path / "data.tsv", [*ORDINARY, row]))
    assert found == [*ORDINARY, row]
    assert note.startswith("quotation marks in tab-separated files are read literally: ")


MULTILINE = [("line one\nline two", "pos"), ('with "quotes",\n\ntabs\tand, commas', "neg"), ("a, b\nc", "pos")]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("name", "delimiter"), [("data.tsv", "\t"), ("data.csv", ","), ("data.csv", ";")])
def test_texts_of_several_lines_are_read_as_they_were_quoted(
    tmp_path: Path, name: str, delimiter: str, end: str, quoting: int
) -> None:
    rows = [*MULTILINE, *ORDINARY]
    found, notes = read(quoted(tmp_path / name, rows, delimiter, quoting, end))
    assert found == rows
    assert notes[-1] == "quoted texts with line breaks: 3"


@pytest.mark.parametrize("name", ["texts.tsv", "texts.csv"])
@pytest.mark.parametrize("different", [10, 1500])  # more than there may be classes
def test_without_labels_quoted_texts_of_several_lines_stay_whole(tmp_path: Path, name: str, different: int) -> None:
    texts = [f"first line {index % different} good\nsecond line {index % different}" for index in range(3000)]
    path = tmp_path / name
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter="\t" if name.endswith("tsv") else ",").writerows([["text"], *([t] for t in texts)])
    assert [row.text for row in TableFile(path, "text", None, "auto").rows()] == texts


@pytest.mark.parametrize("text", ["Great film, really\nnot bad", "one, two\nthree, four\nfive", "a, \nb"])
def test_a_text_whose_lines_are_as_wide_as_rows_stays_a_text(tmp_path: Path, text: str) -> None:
    rows = [(text, "pos"), *ORDINARY]
    assert read(quoted(tmp_path / "data.csv", rows, ","))[0] == rows
    tabs = [(text.replace(",", "\t"), "pos"), *ORDINARY]
    assert read(quoted(tmp_path / "data.tsv", tabs))[0] == tabs


def test_what_pandas_wrote_is_what_is_read(tmp_path: Path) -> None:
    rows = [*MULTILINE, *ORDINARY]
    frame = pd.DataFrame(rows, columns=["text", "label"])
    for name, delimiter in {"data.csv": ",", "data.tsv": "\t"}.items():
        frame.to_csv(tmp_path / name, sep=delimiter)
        assert read(tmp_path / name)[0] == rows


def test_one_way_is_taken_for_all_files(tmp_path: Path) -> None:
    """Alone train.tsv could have been quoted by a writer of CSV, test.tsv could not."""
    train = [('"all of it"', "pos"), ('"and this"', "neg")]
    files = plain(tmp_path / "train.tsv", train), plain(tmp_path / "test.tsv", [('"some" of it', "pos"), *ORDINARY])
    found, notes = read(*files)
    assert sorted(found) == sorted([*train, ('"some" of it', "pos"), *ORDINARY])
    assert len(notes) == 1
    found, [note] = read(files[0])
    assert found == [("all of it", "pos"), ("and this", "neg")]
    assert note == "quotation marks in tab-separated files are read as in CSV"


def test_files_that_need_different_ways_are_refused(tmp_path: Path) -> None:
    train = quoted(tmp_path / "train.tsv", [*MULTILINE, *ORDINARY])
    test = plain(tmp_path / "test.tsv", [('"some" of it', "pos"), *ORDINARY])
    message = r"test\.tsv is not valid CSV at line 2: .*; and with quotes as they stand, line 2 of .*train\.tsv begins"
    with pytest.raises(DataError, match=message):
        read(train, test)


def test_a_csv_beside_a_tsv_has_quotes_of_its_own(tmp_path: Path) -> None:
    train = quoted(tmp_path / "train.csv", [*MULTILINE, *ORDINARY], ",")
    test = plain(tmp_path / "test.tsv", [('"some" of it', "pos")])
    assert sorted(read(train, test)[0]) == sorted([*MULTILINE, *ORDINARY, ('"some" of it', "pos")])


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('"an open quote,pos', "opens a quote that is never closed"),
        ('"an "odd" quote,pos', "',' expected after '\"'"),
    ],
)
def test_a_broken_quote_is_named_by_the_line_where_its_row_begins(tmp_path: Path, broken: str, reason: str) -> None:
    lines = ["text,label", '"two\nlines, once",pos', *("a film,pos" for _ in range(7)), broken, *["a film,neg"] * 20]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"data\.csv is not valid CSV at line 11: .*{reason}"):
        read(tmp_path / "data.csv")


def test_a_quote_that_closes_lines_later_is_named_by_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('text,label\n"an open quote,pos\na film,neg\n"another" film,pos\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"at line 2: the row that begins there goes on to line 4, where ',' expected"):
        read(path)


def test_a_row_of_the_wrong_width_is_named_by_the_line_where_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('text,label\n"two\nlines",pos\n"three\nmore\nlines",pos,\n', encoding="utf-8")
    with pytest.raises(
        DataError, match=r"line 4 of .* begins a row with 3 fields, .* 2; it ends with an extra delimiter"
    ):
        read(path)


def test_rows_that_a_quote_may_have_joined_are_said(tmp_path: Path) -> None:
    """Another row must be quoted, so that the quotes are no literal ones."""
    path = tmp_path / "data.csv"
    lines = ["text,label", '"Well, good",pos', *(",".join(row) for row in [*LOST, *ORDINARY])]
    path.write_text("\n".join(lines), encoding="utf-8")
    found, notes = read(path)
    assert len(found) == 8
    assert notes[0] == "quoted texts with line breaks: 1"
    assert notes[1].startswith("1 of these texts hold lines that look like rows of their own, such as 'good film,pos")


def test_files_without_quotes_need_no_decision(tmp_path: Path) -> None:
    assert read(plain(tmp_path / "data.tsv", ORDINARY)) == (ORDINARY, [])
    assert read(plain(tmp_path / "data.csv", ORDINARY, ",")) == (ORDINARY, [])


pieces = st.sampled_from(['"', '""', "a", "b ", ",", ";", "'", "\\", "é", "\u2028", "\x00"])
lines = st.lists(pieces, max_size=6).map("".join)
labels = st.sampled_from(["pos", "neg", "so so"])


def minimal(text: str) -> str:
    """The field as a writer of TSV with the fewest quotes writes it."""
    written = io.StringIO()
    csv.writer(written, delimiter="\t", lineterminator="").writerow([text, "label"])
    return written.getvalue().removesuffix("\tlabel")


def could_be_quoted(texts: Sequence[str]) -> bool:
    """Whether a writer of CSV could have written a column of such fields: then nobody can know."""
    inner = [text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text for text in texts]
    as_needed = all(minimal(value) == text for value, text in zip(inner, texts, strict=True))
    escaped = (value.replace('"', '""') for value in inner)
    all_quoted = all(text in ("", f'"{value}"') for value, text in zip(escaped, texts, strict=True))
    return as_needed or all_quoted


@here
@given(rows=st.lists(st.tuples(lines, labels), min_size=1))
@example(rows=[('"good', "pos"), ('art"', "neg"), ("x", "pos")])
def test_plain_tsv_comes_back_exactly(tmp_path: Path, rows: Rows) -> None:
    rows = [*rows, *((f"a {label} film", label) for label in ("pos", "neg", "so so"))]
    if not could_be_quoted([text for text, _ in rows]):
        assert read(plain(tmp_path / "data.tsv", rows))[0] == rows


# A text of which each line holds a delimiter can look like rows: the tests above have those.
several_lines = st.tuples(lines, st.sampled_from(["", "\n", "\r\n", "\r", "\t"]), lines).map("".join)


@here
@given(
    rows=st.lists(st.tuples(several_lines, labels), min_size=1),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_quoted_tables_come_back_exactly(tmp_path: Path, rows: Rows, delimiter: str, quoting: int) -> None:
    if not any("\n" in text and delimiter in text for text, _ in rows):
        assert read(quoted(tmp_path / "data.csv", rows, delimiter, quoting))[0] == rows
