"""What a file is, by its suffix and first bytes, and what its columns are: format, delimiter, header, first rows."""

import csv
import difflib
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple

from core.errors import DataError
from text.sources import columnar, excel, json_files
from text.sources.archives import Member
from text.sources.column_choice import Head, Unclear, choose, headed
from text.sources.columns import Layout, listed
from text.sources.delimited import (
    DELIMITERS,
    SINGLE,
    declared_delimiter,
    delimiter_of,
    head_lines,
    quote_of,
    readable_rows,
    spread_lines,
)
from text.sources.labelled_lines import LABEL, TEXT, ends_in_label, is_labelled
from text.sources.readers import CLASS_OBJECT, CSV, ENDING, JSON_LINES, LABELLED, TREES, WITHOUT_COLUMNS
from text.sources.trees import are_trees

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
    note: str = ""  # on parts of the file that are ignored


def format_of(name: str, head: bytes) -> str:
    """The format of a file of this name that begins with these bytes."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    for mark, kind in BY_CONTENT.items():
        if head.startswith(mark):
            return kind
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb'\{\s*"[^"]+"\s*:\s*\[\s*\{\s*"data"\s*:\s*\[', begin):
        return CLASS_OBJECT
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
        kind = format_of_member(member.name, file)
        open_member = member.at(file)
        complete = layout.text is not None and layout.label is not None
        if kind == LINES and like in WITHOUT_COLUMNS:
            return Recognised(like, layout, None)
        if kind in (CSV, LINES):
            return _lines(open_member, file, kind, layout, complete)
        if kind == "Excel":
            return _excel(open_member, layout, complete)
        if kind == CLASS_OBJECT:
            return Recognised(kind, layout._replace(text="text", label="class"), None)
        if complete:
            return Recognised(kind, layout, None)
        head = _head(open_member, kind, layout)
        if not head.rows:
            raise DataError(f"{member.origin} holds no rows")
        return Recognised(kind, choose(head, layout, member.origin), head)


def format_of_member(name: str, file: IO[bytes]) -> str:
    """The format of an open file, which is then at its start."""
    kind = format_of(name, file.read(512))
    if kind == JSON_LINES and PurePosixPath(name).suffix.lower() not in BY_SUFFIX and json_files.is_one_object(file):
        kind = "JSON array"
    file.seek(0)
    return kind


def _head(member: Member, kind: str, layout: Layout) -> Head:
    if kind in ("Parquet", "Arrow"):
        return Head(*columnar.head(member, kind == "Parquet", HEAD_ROWS))
    names, rows = json_files.head(member, layout.encoding, kind == "JSON array", HEAD_ROWS)
    return headed(rows, layout, member.origin) if names is None and rows else Head(names, rows)


def _excel(member: Member, layout: Layout, complete: bool) -> Recognised:
    rows, others = excel.head(member, HEAD_ROWS)
    note = f"ignored sheets of {member.name}: {listed(others)}" if others else ""
    if complete:
        return Recognised("Excel", layout, None, note)
    if not rows:
        raise DataError(f"{member.origin} holds no rows")
    width = max(map(len, rows))
    head = headed([[*row, *[""] * (width - len(row))] for row in rows], layout, member.origin)
    return Recognised("Excel", choose(head, layout, member.origin), head, note)


def _lines(member: Member, file: IO[bytes], kind: str, layout: Layout, complete: bool) -> Recognised:
    """Recognises CSV, and lines that begin or end with a label; if the first lines do not suffice, reads others."""
    lines = head_lines(file, layout.encoding, HEAD_ROWS)
    delimiter = TAB if PurePosixPath(member.name).suffix.lower() == ".tsv" else declared_delimiter(file)
    by_name = layout.columns and not layout.by_number
    if kind == LINES and not by_name and (labelled := _labelled(lines, layout)):
        return labelled
    if complete:
        delimiter = delimiter or delimiter_of(file, layout)
        return Recognised(CSV, layout._replace(delimiter=delimiter, quote=quote_of(lines, delimiter)), None)
    if not any(line.strip() for line in lines):
        raise DataError(f"{member.origin} holds no rows; expected a text and a label of each document")
    try:
        return _separated(member.origin, lines, delimiter or DELIMITERS, layout)
    except DataError:  # documents may be sorted by class
        if not (others := spread_lines(file, layout.encoding)):
            raise
        if kind == LINES and not by_name and (labelled := _labelled(others, layout)):
            return labelled
        with suppress(DataError):
            return _separated(member.origin, others, delimiter or DELIMITERS, layout)
        raise


def _labelled(lines: Sequence[str], layout: Layout) -> Recognised | None:
    """The format of lines that end in a label, or begin with one and have no tab (else they may be CSV); else None."""
    if are_trees(lines):
        return Recognised(TREES, layout._replace(text=TEXT, label=LABEL), None)
    if ends_in_label(lines):
        return Recognised(ENDING, layout._replace(text=TEXT, label=LABEL), None)
    if is_labelled(lines) and not any(TAB in line for line in lines):
        return Recognised(LABELLED, layout._replace(text=TEXT, label=LABEL), None)
    return None


def lacks_labels(member: Member, first: Recognised) -> str | None:
    """Why a file lacks labels, unlike the training file `first`: other columns, or labels that are all -1 or empty."""
    layout = first.layout
    head = head_like(member, first)
    if head is None or not (head.names or head.rows):
        return None
    columns, rows = head.columns(), head.rows
    label, width = layout.label, len(columns)
    if layout.by_number:
        expected = len(first.head.columns()) if first.head else max(map(int, layout.columns))
        return f"it has {width} columns, and the training split {expected}" if width < expected else None
    if label not in columns:
        others = {*map(str, layout.texts), *map(str, first.head.columns() if first.head else [])}
        alike = difflib.get_close_matches(str(label), {*map(str, columns)} - others, n=1)
        return f"it has no column {label!r}" if not alike and set(layout.texts) <= set(columns) else None
    values = {str(row[columns.index(label)]) for row in rows if len(row) == width}
    return f"its column {label!r} holds {values.pop()} only" if values in ({"-1"}, {""}, {"None"}) else None


def head_like(member: Member, first: Recognised) -> Head | None:
    """The first rows of a file, read like the first file; None if they have no columns."""
    layout = first.layout
    with member.file() as file:
        open_member = member.at(file)
        if first.format == CSV:
            if format_of_member(member.name, file) not in (CSV, LINES):
                return None
            lines = head_lines(file, layout.encoding, HEAD_ROWS)
            rows: list[list[Any]] = [*readable_rows(lines, layout.delimiter or ",")]
        elif first.format in ("Parquet", "Arrow"):
            return Head(*columnar.head(open_member, first.format == "Parquet", HEAD_ROWS))
        elif first.format in (JSON_LINES, "JSON array"):
            names, rows = json_files.head(open_member, layout.encoding, first.format == "JSON array", HEAD_ROWS)
            if names is not None:
                return Head(names, rows)
        elif first.format == "Excel":
            rows, _ = excel.head(open_member, HEAD_ROWS)
        else:
            return None
    return Head(None, rows) if layout.by_number or not rows else Head([str(name) for name in rows[0]], rows[1:])


def _separated(origin: str, lines: Sequence[str], delimiters: str, layout: Layout) -> Recognised:
    """Recognises CSV: chooses the delimiter that gives unambiguous columns.

    Raises:
        Unclear: no delimiter gives unambiguous columns of text and label.
        DataError: there are no columns.
    """
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
            chosen = choose(head, layout._replace(delimiter=delimiter, quote=quote_of(lines, delimiter)), origin)
        except Unclear as error:
            doubt = doubt or error
            continue
        labels = set(head.column(head.columns().index(chosen.columns[-1])))
        clear.append(((len(labels), sum(map(len, labels))), Recognised(CSV, chosen, head)))
    if clear:
        return min(clear, key=lambda found: found[0])[1]
    if doubt:
        raise doubt
    if any(delimiter in line for line in lines for delimiter in delimiters):
        raise DataError(
            f"{origin} has no columns in its first line, {lines[0].strip()[:60]!r}, although others hold delimiters; "
            "allowed: a text and a label in each line, and a header before them"
        )
    raise DataError(
        f"{origin} has no columns: no line holds a comma, semicolon, tab or bar, and its first words are no labels; "
        "allowed: a text and a label in each line, or a file of labels beside it (train.txt and train.labels)"
    )


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The first rows, [] if they have one column; read in the first way that makes them equally long, else as CSV."""
    quoted = readable_rows(lines, delimiter)
    by_line = [_fields(line, delimiter) for line in lines if line.strip()]
    escaped = readable_rows(lines, delimiter, escaped=True) if any('\\"' in line for line in lines) else []
    single = readable_rows(lines, delimiter, quote=SINGLE) if quote_of(lines, delimiter) == SINGLE else []
    even = (
        rows for rows in (quoted, by_line, escaped, single) if len(rows) > 1 and len({len(row) for row in rows}) == 1
    )
    rows = next(even, quoted)
    return rows if len(rows[0]) > 1 else []


def _fields(line: str, delimiter: str) -> list[str]:
    """The fields of one line, in which quotation marks may be mere text."""
    literal = line.rstrip("\r\n").split(delimiter)
    try:
        quoted = next(csv.reader([line], delimiter=delimiter), literal)
    except csv.Error:  # it breaks off (\r) outside quotes
        return literal
    return quoted if len(quoted) == len(literal) else literal
