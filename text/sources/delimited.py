"""Rows of CSV and TSV files, read by the standard library's csv in strict mode.

pyarrow.csv, pandas and DuckDB are faster, but each misreads a file silently that csv refuses: they join rows at a lost
quotation mark, split rows at a lone carriage return, or drop all rows after an unclosed quote (docs/log.md).
This module adds what csv lacks: the delimiter, the width of each row, and errors with file and line.
"""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import IO, NamedTuple

from core.errors import DataError
from text.sources.columns import Layout, Row, check_columns
from text.sources.lines import decoded, numbered_lines

DELIMITERS = ",;\t|"  # of CSV; Excel writes semicolons where the comma is the decimal sign
HEAD_LINES = 100  # by which the delimiter is recognised

NumberedRows = Iterator[tuple[int, list[str]]]  # with the line where each begins


class Table(NamedTuple):
    """An open CSV or TSV file. It can be read several times, one reading after another."""

    file: IO[bytes]
    origin: str  # the file's name in errors
    delimiter: str
    layout: Layout

    def rows(self, quoted: bool) -> Iterator[Row]:
        """Number, text and label of all rows but the header; empty lines are no rows.

        Raises:
            DataError: names the file and the line where an unreadable row begins.
        """
        rows = self.fields(quoted)
        if (first := next(rows, None)) is None:
            return
        width = len(first[1])
        if self.layout.by_number:
            rows = chain([first], rows)
        text, label = self.places(first[1])
        for number, (line, row) in enumerate(((line, row) for line, row in rows if row), 1):
            if len(row) != width:
                raise DataError(
                    f"line {line} of {self.origin} begins a row with {len(row)} fields, but the first row has {width}; "
                    f"{_remedy(row, width)}"
                )
            yield number, row[text], row[label]

    def fields(self, quoted: bool) -> NumberedRows:
        """All rows, with the header and empty ones."""
        lines = decoded(self.lines(), self.origin, self.layout.encoding)
        if quoted:
            return csv_rows(lines, self.origin, self.delimiter, strict=True)
        return literal_rows(lines, self.delimiter)

    def lines(self) -> Iterator[bytes]:
        """The file's lines as bytes."""
        self.file.seek(0)
        for line in self.file:  # `yield from` would close the file with the generator  # noqa: UP028
            yield line

    def places(self, first_row: Sequence[str]) -> tuple[int, int]:
        """The indices of text and label in a row."""
        if not self.layout.by_number:
            check_columns(first_row, self.layout, self.origin, ", or column numbers where there is no header")
            text, label = (first_row.index(str(column)) for column in self.layout.columns)
            return text, label
        for key, column in zip(self.layout.keys, self.layout.columns, strict=True):
            if int(column) > len(first_row):
                raise DataError(f"{key} is {column}, but line 1 of {self.origin} has {len(first_row)} fields")
        text, label = (int(column) - 1 for column in self.layout.columns)
        return text, label


def _remedy(row: Sequence[str], width: int) -> str:
    if len(row) < width:
        return "every row must have every field, even an empty one"
    if len(row) == width + 1 and not row[-1]:
        return "it ends in a separator too many"
    return "a text that holds the separator must stand in quotes"


def csv_rows(lines: Iterable[str], origin: str, delimiter: str = ",", strict: bool = False) -> NumberedRows:
    """The rows of CSV; `strict` refuses misplaced quotes and quotes that are never closed.

    Raises:
        DataError: names `origin` and the line where the row begins that is no CSV.
    """
    csv.field_size_limit(sys.maxsize)  # of the whole process; documents may be long
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    begin = 1
    try:
        for row in reader:
            yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]  # advice to the programmer follows
        if reason == "unexpected end of data":
            reason = "the row that begins there opens a quote that is never closed"
        elif reader.line_num > begin:
            reason = f"the row that begins there goes on to line {reader.line_num}, where {reason}"
        raise DataError(
            f"{origin} is no valid CSV at line {begin}: {reason}; a text with quotes or line breaks must "
            "stand in quotes, and each quote in it be doubled"
        ) from None


def literal_rows(lines: Iterable[str], delimiter: str) -> NumberedRows:
    """The rows of a file in which quotation marks are mere text: each line is one."""
    for number, line in enumerate(lines, 1):
        content = line.removesuffix("\n").removesuffix("\r")
        yield number, content.split(delimiter) if content else []


def delimiter_of(file: IO[bytes], layout: Layout) -> str:
    """The delimiter of a CSV file, recognised by its first lines.

    With a header it is the first that yields both columns. Without one, all rows must have the same number of fields;
    if several delimiters fit, the one that yields the fewest and shortest labels is taken.
    """
    file.seek(0)
    lines = [line.decode(layout.encoding, errors="replace") for _, line in numbered_lines(islice(file, HEAD_LINES))]
    rows_by = {delimiter: _readable_rows(lines, delimiter) for delimiter in DELIMITERS}
    if layout.by_number:
        fitting = {delimiter: size for delimiter, rows in rows_by.items() if (size := _labels(rows, layout))}
        if fitting:
            return min(fitting, key=fitting.__getitem__)
    for delimiter, rows in rows_by.items():
        if all(column in rows[0] for column in layout.columns):
            return delimiter
    return max(DELIMITERS, key=lambda delimiter: len(rows_by[delimiter][0]))  # for an error that lists the columns


def _readable_rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """The rows before the first that is no CSV; at least one, which may be empty."""
    rows = []
    with suppress(DataError):
        for _, row in csv_rows(lines, "", delimiter):
            if row:
                rows.append(row)
    return rows or [[]]


def _labels(rows: Sequence[Sequence[str]], layout: Layout) -> tuple[int, int] | None:
    """Number and total length of the different labels; None if the rows have unequal or too few fields."""
    complete = rows[:-1] or rows  # the last row may continue after these lines
    widths = {len(row) for row in complete}
    if len(widths) > 1 or widths.pop() < max(map(int, layout.columns)):
        return None
    labels = {row[int(layout.label) - 1] for row in complete}
    return len(labels), sum(map(len, labels))
