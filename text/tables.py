"""Reads two columns of a table: CSV, TSV, JSONL or Parquet, as people have them.

A column is meant by its name; in a CSV or TSV file without a header by its number, counted from 1.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from errors import DataError
from text.archives import Member
from text.parsers import csv_rows, decode, numbered_lines

PARQUET_ROWS = 1024  # read at once; documents may be long
DELIMITERS = ",;\t|"  # of CSV; Excel writes semicolons where the comma is the decimal sign
HEAD_LINES = 100  # that show the delimiter of a file without a header
KEYS = ("data.text_column", "data.label_column")


class Wanted(NamedTuple):
    """The columns that are read, both by name or both by number, and the encoding of files that are text."""

    text: str | int
    label: str | int
    encoding: str = "utf-8"

    @property
    def columns(self) -> tuple[str | int, str | int]:
        """Text and label."""
        return self.text, self.label

    @property
    def by_number(self) -> bool:
        """Whether the files have no header."""
        return isinstance(self.text, int)


Row = tuple[int, Any, Any]  # number of the row, text, label
NumberedRows = Iterator[tuple[int, list[str]]]  # with the line where each ends


def _csv(member: Member, wanted: Wanted) -> Iterator[Row]:
    lines = member.lines()
    head = list(islice(lines, HEAD_LINES))
    delimiter = _delimiter(head, wanted)
    yield from _delimited(_strict_rows(chain(head, lines), member, delimiter, wanted), member, wanted)


def _tsv(member: Member, wanted: Wanted) -> Iterator[Row]:
    """Some write TSV with quotes as in CSV, some know no quoting: it is quoted if the whole file can be read so."""
    with member.file() as file:
        quoted = _is_quoted(file, member, wanted)
        file.seek(0)
        rows = _strict_rows(file, member, "\t", wanted) if quoted else _plain_rows(file, member, "\t", wanted)
        yield from _delimited(rows, member, wanted)


def _delimiter(head: Sequence[bytes], wanted: Wanted) -> str:
    """The first with which the header has both columns, or the rows without one are equally wide and wide enough."""
    lines = [line.decode(wanted.encoding, errors="replace") for _, line in numbered_lines(head)]
    rows_by = {delimiter: _readable_rows(lines, delimiter) for delimiter in DELIMITERS}
    for delimiter, rows in rows_by.items():
        if wanted.by_number:
            widths = {len(row) for row in rows[:-1] or rows}  # the last one may go on behind the head
            fits = len(widths) == 1 and widths.pop() >= max(map(int, wanted.columns))
        else:
            fits = all(column in rows[0] for column in wanted.columns)
        if fits:
            return delimiter
    return max(DELIMITERS, key=lambda delimiter: len(rows_by[delimiter][0]))  # an error shows its columns


def _readable_rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The rows up to the first fault, which is told where the whole file is read."""
    rows = []
    with suppress(DataError):
        for _, row in csv_rows(lines, "", delimiter):
            if row:
                rows.append(row)
    return rows or [[]]


def _strict_rows(lines: Iterable[bytes], member: Member, delimiter: str, wanted: Wanted) -> NumberedRows:
    return csv_rows(_decoded(lines, member, wanted), member.origin, delimiter, strict=True)


def _plain_rows(lines: Iterable[bytes], member: Member, delimiter: str, wanted: Wanted) -> NumberedRows:
    for number, line in enumerate(_decoded(lines, member, wanted), 1):
        content = line.removesuffix("\n").removesuffix("\r")
        yield number, content.split(delimiter) if content else []


def _decoded(lines: Iterable[bytes], member: Member, wanted: Wanted) -> Iterator[str]:
    for number, line in numbered_lines(lines):
        utf_16 = number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff"))
        hint = "this is UTF-16, save it as UTF-8" if utf_16 else "data.encoding may name another one, such as cp1252"
        yield decode(line, f"line {number} of {member.origin}", wanted.encoding, f"; {hint}")


def _is_quoted(file: IO[bytes], member: Member, wanted: Wanted) -> bool:
    rows = (row for _, row in _strict_rows(file, member, "\t", wanted))
    try:
        width = len(next(rows, []))
        return all(len(row) in (0, width) for row in rows)
    except DataError:
        return False


def _delimited(rows: NumberedRows, member: Member, wanted: Wanted) -> Iterator[Row]:
    """Rows behind a header, or all where columns are meant by number; empty lines are no rows."""
    if (first := next(rows, None)) is None:
        return
    header = first[1]
    if wanted.by_number:
        rows = chain([first], rows)
        for key, column in zip(KEYS, wanted.columns, strict=True):
            if int(column) > len(header):
                raise DataError(f"{key} is {column}, but line 1 of {member.origin} has {len(header)} fields")
        text, label = (int(column) - 1 for column in wanted.columns)
    else:
        _check_columns(header, wanted, member, ", or column numbers where there is no header")
        text, label = (header.index(str(column)) for column in wanted.columns)
    for number, (line, row) in enumerate(((line, row) for line, row in rows if row), 1):
        if len(row) != len(header):
            raise DataError(
                f"line {line} of {member.origin} ends a row with {len(row)} fields, but the first row has "
                f"{len(header)}; a text that holds the separator must stand in quotes"
            )
        yield number, row[text], row[label]


def _jsonl(member: Member, wanted: Wanted) -> Iterator[Row]:
    """One JSON object a line; empty lines are no rows. A column that no line has is an error, else it is missing."""
    seen: dict[str, None] = {}
    number = 0
    for line_number, line in enumerate(_decoded(member.lines(), member, wanted), 1):
        where = f"line {line_number} of {member.origin}"
        if not (content := line.strip()):
            continue
        number += 1
        try:
            row = json.loads(content, object_pairs_hook=_unique_keys)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where} is no valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise DataError(f"{where} is no JSON object but {content[:40]}")
        if len(seen) < 100:
            seen |= dict.fromkeys(row)
        yield number, row.get(wanted.text), row.get(wanted.label)
    if number:
        _check_columns(list(seen), wanted, member)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands there twice")
    return result


def _parquet(member: Member, wanted: Wanted) -> Iterator[Row]:
    try:
        with member.file() as file, pq.ParquetFile(file) as parquet:
            _check_columns(parquet.schema_arrow.names, wanted, member)
            batches = parquet.iter_batches(PARQUET_ROWS, columns=list(wanted.columns), use_threads=False)
            rows = chain.from_iterable(
                zip(*(batch[column].to_pylist() for column in wanted.columns), strict=True) for batch in batches
            )
            for number, (text, label) in enumerate(rows, 1):
                yield number, text, label
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{member.origin} cannot be read as Parquet: {' '.join(str(error).split())}") from None


def _check_columns(found: Sequence[str], wanted: Wanted, member: Member, also: str = "") -> None:
    """Whether both columns are there, once; `also` says what else is allowed besides their names."""
    for key, column in zip(KEYS, wanted.columns, strict=True):
        if (times := list(found).count(column)) == 1:  # type: ignore[arg-type]  # a number is not there
            continue
        reason = "has no such column" if times == 0 else f"has {times} columns of that name"
        close = difflib.get_close_matches(str(column), found, n=1)
        hint = f" did you mean {close[0]!r}?" if close and times == 0 else ""
        raise DataError(f"{key} is {column!r}, but {member.origin} {reason};{hint} allowed: {listed(found)}{also}")


def listed(found: Sequence[str]) -> str:
    """The first of the names that were found, for a message."""
    shown = ", ".join(repr(name[:60]) for name in found[:10])
    return (shown or "nothing") + (f" and {len(found) - 10} more" if len(found) > 10 else "")


READERS: dict[str, Callable[[Member, Wanted], Iterator[Row]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
