"""What a file is, by its suffix and first bytes, and what its columns are: format, separator, header, first rows."""

import csv
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from core.errors import DataError
from text.sources import columnar, excel, json_files
from text.sources.archives import Member
from text.sources.columns import Layout
from text.sources.delimited import DELIMITERS, declared_delimiter, delimiter_of, head_lines, readable_rows
from text.sources.guess import Head, Unclear, choose, headed
from text.sources.labelled_lines import LABEL, TEXT, is_labelled
from text.sources.tables import CSV, JSON_LINES, LABELLED

HEAD_ROWS = 1000
BY_SUFFIX = {
    **{".csv": CSV, ".tsv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES, ".parquet": "Parquet"},
    **{".arrow": "Arrow", ".feather": "Arrow", ".xlsx": "Excel"},
}
BY_CONTENT = {b"PAR1": "Parquet", b"ARROW1": "Arrow", b"PK\x03\x04": "Excel"}
LINES = "lines"  # of text: CSV, or lines that begin with their label
TAB = "\t"


class Recognised(NamedTuple):
    """A file's format, its layout with both columns, and its first rows."""

    format: str
    layout: Layout
    head: Head | None  # None: not looked at, as everything is known


def format_of(name: str, head: bytes) -> str:
    """The format of a file of this name that begins with these bytes."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    for mark, kind in BY_CONTENT.items():
        if head.startswith(mark):
            return kind
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if suffix == ".json" or re.match(rb'\{\s*"|\[\s*\{\s*"', begin):
        return "JSON array" if begin.startswith(b"[") else JSON_LINES
    return LINES


def recognise(member: Member, layout: Layout, like: str | None = None) -> Recognised:
    """The format of a file, and the layout with the columns that are not set; `like` is the first file's format.

    Raises:
        Unclear: the user must set a column, or say whether the first row is a header.
        DataError: the file cannot be read.
    """
    with member.file() as file:
        kind = format_of(member.name, file.read(512))
        file.seek(0)
        open_member = Member(member.name, member.origin, member.path, file)
        complete = layout.text is not None and layout.label is not None
        if kind == LINES and like == LABELLED:
            return Recognised(LABELLED, layout, None)
        if kind in (CSV, LINES):
            return _lines(open_member, file, kind, layout, complete)
        if complete:
            return Recognised(kind, layout, None)
        head = _head(open_member, kind, layout)
        if not head.rows:
            raise DataError(f"{member.origin} holds no rows")
        return Recognised(kind, choose(head, layout, member.origin), head)


def _head(member: Member, kind: str, layout: Layout) -> Head:
    match kind:
        case "Parquet" | "Arrow":
            return Head(*columnar.head(member, kind == "Parquet", HEAD_ROWS))
        case "Excel":
            rows, _ = excel.head(member, HEAD_ROWS)
            width = max(map(len, rows), default=0)
            return headed([[*row, *[""] * (width - len(row))] for row in rows], layout, member.origin)
    return Head(*json_files.head(member, layout.encoding, kind == "JSON array", HEAD_ROWS))


def _lines(member: Member, file: IO[bytes], kind: str, layout: Layout, complete: bool) -> Recognised:
    """CSV, or lines that begin with their label."""
    lines = head_lines(file, layout.encoding, HEAD_ROWS)
    if kind == LINES and not (layout.columns and not layout.by_number) and is_labelled(lines):
        separated = any(TAB in line for line in lines)  # label<TAB>text is CSV as well
        if not separated:
            return Recognised(LABELLED, layout._replace(text=TEXT, label=LABEL), None)
    delimiter = TAB if PurePosixPath(member.name).suffix.lower() == ".tsv" else declared_delimiter(file)
    if complete:
        return Recognised(CSV, layout._replace(delimiter=delimiter or delimiter_of(file, layout)), None)
    if not any(line.strip() for line in lines):
        raise DataError(f"{member.origin} holds no rows; expected a text and a label of each document")
    return _separated(member.origin, lines, delimiter or DELIMITERS, layout)


def _separated(origin: str, lines: Sequence[str], delimiters: str, layout: Layout) -> Recognised:
    """CSV: of the separators that make columns, the one whose columns are plain."""
    tables = {delimiter: rows for delimiter in delimiters if (rows := _rows(lines, delimiter))}
    for delimiter, rows in tables.items():
        if not layout.columns and {"text", "label"} <= set(rows[0]):
            return Recognised(
                CSV, layout._replace(text="text", label="label", delimiter=delimiter), Head(rows[0], rows[1:])
            )
    even = {delimiter: rows for delimiter, rows in tables.items() if len({len(row) for row in rows}) == 1}
    clear: list[tuple[tuple[int, int], Recognised]] = []
    doubt: Unclear | None = None
    for delimiter, rows in (even or tables).items():
        width = len(rows[0])
        try:
            head = headed([list(row) for row in rows if len(row) == width], layout, origin)
            chosen = choose(head, layout._replace(delimiter=delimiter), origin)
        except Unclear as error:
            doubt = doubt or error
            continue
        labels = set(head.column(head.columns().index(chosen.columns[-1])))
        clear.append(((len(labels), sum(map(len, labels))), Recognised(CSV, chosen, head)))
    if clear:
        return min(clear, key=lambda found: found[0])[1]
    if doubt:
        raise doubt
    raise DataError(
        f"{origin} has no columns: no line holds a comma, semicolon, tab or bar, and its first words are no labels; "
        "allowed: a text and a label in each line, or a file of labels beside it (train.txt and train.labels)"
    )


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The first rows if there is more than one column; as CSV or, if only that makes them even, line by line."""
    quoted = readable_rows(lines, delimiter)
    by_line = [_fields(line, delimiter) for line in lines if line.strip()]
    is_even = len({len(row) for row in quoted}) == 1 and len(quoted) > 1
    rows = by_line if not is_even and len({len(row) for row in by_line}) == 1 else quoted
    return rows if len(rows[0]) > 1 else []


def _fields(line: str, delimiter: str) -> list[str]:
    """The fields of one line, in which quotation marks may be mere text."""
    literal = line.rstrip("\r\n").split(delimiter)
    quoted = next(csv.reader([line], delimiter=delimiter), literal)
    return quoted if len(quoted) == len(literal) else literal
