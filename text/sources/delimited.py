"""The rows of CSV and TSV files: what separates their fields, and their rows with or without quoting."""

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice, tee
from typing import IO, NamedTuple

from core.errors import DataError
from text.sources.columns import KEYS, Row, Wanted, check_columns
from text.sources.lines import decoded, numbered_lines

DELIMITERS = ",;\t|"  # of CSV; Excel writes semicolons where the comma is the decimal sign
HEAD_LINES = 100  # that show the delimiter of a file without a header

NumberedRows = Iterator[tuple[int, list[str]]]  # with the line where each begins


class Table(NamedTuple):
    """An open CSV or TSV file, which can be read several times."""

    file: IO[bytes]
    origin: str  # what errors call it
    delimiter: str
    wanted: Wanted

    def rows(self, quoted: bool) -> Iterator[Row]:
        """Number, text and label of the rows behind a header, or of all where columns are meant by number.

        Empty lines are no rows.

        Raises:
            DataError: one line that names the file and the line where the row begins that cannot be read.
        """
        rows = self.fields(quoted)
        if (first := next(rows, None)) is None:
            return
        header = first[1]
        if self.wanted.by_number:
            rows = chain([first], rows)
        text, label = self.places(header)
        for number, (line, row) in enumerate(((line, row) for line, row in rows if row), 1):
            if len(row) != len(header):
                raise DataError(
                    f"line {line} of {self.origin} begins a row with {len(row)} fields, but the first row has "
                    f"{len(header)}; {_mend(row, len(header))}"
                )
            yield number, row[text], row[label]

    def fields(self, quoted: bool) -> NumberedRows:
        """All rows, the header and empty ones too."""
        return self._rows(self._lines(), quoted)

    def both_fields(self) -> Iterator[tuple[list[str], list[str]]]:
        """All rows in both ways, for a file where no quote joins lines: as they stand there, and with quoting."""
        one, other = tee(self._lines())
        for (_, literal), (_, quoted) in zip(
            self._rows(one, quoted=False), self._rows(other, quoted=True), strict=True
        ):
            yield literal, quoted

    def has_quotes(self) -> bool:
        """Whether there is any quotation mark."""
        return any(b'"' in line for line in self.raw())

    def _lines(self) -> Iterator[str]:
        return decoded(self.raw(), self.origin, self.wanted.encoding)

    def _rows(self, lines: Iterable[str], quoted: bool) -> NumberedRows:
        if quoted:
            return csv_rows(lines, self.origin, self.delimiter, strict=True)
        return literal_rows(lines, self.delimiter)

    def raw(self) -> Iterator[bytes]:
        """The lines as they stand in the file."""
        self.file.seek(0)
        for line in self.file:  # `yield from` would close the file where not all lines are wanted  # noqa: UP028
            yield line

    def places(self, header: Sequence[str]) -> tuple[int, int]:
        """The places of text and label in a row, from 0; `header` is the first row, whether it names columns or not."""
        if not self.wanted.by_number:
            check_columns(header, self.wanted, self.origin, ", or column numbers where there is no header")
            text, label = (header.index(str(column)) for column in self.wanted.columns)
            return text, label
        for key, column in zip(KEYS, self.wanted.columns, strict=True):
            if int(column) > len(header):
                raise DataError(f"{key} is {column}, but line 1 of {self.origin} has {len(header)} fields")
        text, label = (int(column) - 1 for column in self.wanted.columns)
        return text, label


def _mend(row: Sequence[str], width: int) -> str:
    if len(row) < width:
        return "every row must have every field, even an empty one"
    if len(row) == width + 1 and not row[-1]:
        return "it ends in a separator too many"
    return "a text that holds the separator must stand in quotes"


def csv_rows(lines: Iterable[str], origin: str, delimiter: str = ",", strict: bool = False) -> NumberedRows:
    """The rows of CSV; `strict` refuses a quote at a wrong place, and one that is never closed.

    Raises:
        DataError: the lines are no CSV; it names `origin` and the line where the row begins.
    """
    csv.field_size_limit(sys.maxsize)  # of the whole process; documents may be long
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
    begin = 1
    try:
        for row in reader:
            yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        reason = str(error).partition(" - ")[0]  # behind it stands advice to the programmer
        if reason == "unexpected end of data":
            reason = "the row that begins there opens a quote that is never closed"
        elif reader.line_num > begin:
            reason = f"the row that begins there goes on to line {reader.line_num}, where {reason}"
        raise DataError(
            f"{origin} is no valid CSV at line {begin}: {reason}; a text with quotes or line breaks must "
            "stand in quotes, and each quote in it be doubled"
        ) from None


def literal_rows(lines: Iterable[str], delimiter: str) -> NumberedRows:
    """The rows of a file in which quotation marks mean nothing: each line is one."""
    for number, line in enumerate(lines, 1):
        content = line.removesuffix("\n").removesuffix("\r")
        yield number, content.split(delimiter) if content else []


def delimiter_of(file: IO[bytes], wanted: Wanted) -> str:
    """What separates the fields of a CSV file.

    It is the first with which the header has both columns. Without a header the rows must be equally wide and wide
    enough; where that holds for several, it is the one that gives the fewest and shortest labels.
    """
    file.seek(0)
    lines = [line.decode(wanted.encoding, errors="replace") for _, line in numbered_lines(islice(file, HEAD_LINES))]
    rows_by = {delimiter: _readable_rows(lines, delimiter) for delimiter in DELIMITERS}
    if wanted.by_number:
        fitting = {name: labels for name, rows in rows_by.items() if (labels := _labels(rows, wanted))}
        if fitting:
            return min(fitting, key=fitting.__getitem__)
    for delimiter, rows in rows_by.items():
        if all(column in rows[0] for column in wanted.columns):
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


def _labels(rows: Sequence[Sequence[str]], wanted: Wanted) -> tuple[int, int] | None:
    """How many labels column `wanted.label` has, and how long; None if rows differ in width or are not wide enough."""
    complete = rows[:-1] or rows  # the last one may go on behind the head
    widths = {len(row) for row in complete}
    if len(widths) > 1 or widths.pop() < max(map(int, wanted.columns)):
        return None
    labels = {row[int(wanted.label) - 1] for row in complete}
    return len(labels), sum(map(len, labels))
