"""Rows of CSV and TSV files, read by the standard library's csv in strict mode.

pyarrow.csv, pandas and DuckDB are faster, but each misreads a file silently that csv refuses: they join rows at a lost
quotation mark, split rows at a lone carriage return, or drop all rows after an unclosed quote (docs/log.md).
This module adds what csv lacks: the delimiter, the width of each row, and errors with file and line.
"""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from typing import IO, NamedTuple

from core.errors import DataError
from text.sources.columns import Layout, Row, check_columns, keyed
from text.sources.lines import decoded, numbered_lines

DELIMITERS = ",;\t|"  # of CSV; Excel writes semicolons where the comma is the decimal sign
DOUBLE, SINGLE = '"', "'"
HEAD_LINES = 100  # by which the delimiter is recognised
SPOTS, SPOT_LINES = 30, 20  # places of a long file that are looked at, and lines there
ESCAPED_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')  # with an odd number of backslashes
PLACEHOLDER = "\ufdd0"  # no character; stands for an escaped quotation mark while csv reads
DELIMITER_LINE = re.compile(rb"(\xef\xbb\xbf)?sep=([,;\t|])\r?\n", re.IGNORECASE)  # names it for Excel

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
        rows: NumberedRows = ((line, row) for line, row in self.fields(quoted) if row)
        if (first := next(rows, None)) is None:
            return
        width = len(first[1])
        if self.layout.by_number:
            rows = chain([first], rows)
        places, count = self.places(first[1]), len(self.layout.texts)
        label, split = places[count], places[count + 1] if len(places) > count + 1 else None
        for number, (line, row) in enumerate(rows, 1):
            if len(row) != width:
                raise DataError(
                    f"line {line} of {self.origin} begins a row with {len(row)} fields, but the first row has {width}; "
                    f"{_remedy(row, width)}"
                )
            text = row[places[0]] if count == 1 else " ".join([row[place] for place in places[:count]])
            yield Row(number, text, row[label], row[split] if split is not None else None)

    def fields(self, quoted: bool) -> NumberedRows:
        """All rows, with the header and empty ones."""
        lines = decoded(self.lines(), self.origin, self.layout.encoding)
        if quoted and self.delimiter in self.layout.escaped:
            return escaped_rows(lines, self.origin, self.delimiter, strict=True)
        if quoted:
            return csv_rows(lines, self.origin, self.delimiter, strict=True, quote=self.layout.quote)
        return literal_rows(lines, self.delimiter)

    def lines(self) -> Iterator[bytes]:
        """The file's lines as bytes; an empty one for Excel's `sep=;`."""
        self.file.seek(0)
        for number, line in enumerate(self.file):
            yield b"\n" if number == 0 and DELIMITER_LINE.fullmatch(line) else line

    def places(self, first_row: Sequence[str]) -> list[int]:
        """The indices of the text columns and of the label column in a row."""
        if not self.layout.by_number:
            check_columns(first_row, self.layout, self.origin, ", or column numbers where there is no header")
            return [first_row.index(str(column)) for column in self.layout.columns]
        for key, column in keyed(self.layout):
            if int(column) > len(first_row):
                raise DataError(f"{key} is {column}, but line 1 of {self.origin} has {len(first_row)} fields")
        return [int(column) - 1 for column in self.layout.columns]


def _remedy(row: Sequence[str], width: int) -> str:
    if len(row) < width:
        return "every row must have every field, even an empty one"
    if len(row) == width + 1 and not row[-1]:
        return "it ends with an extra delimiter"
    return "a text that contains the delimiter must be quoted"


def csv_rows(
    lines: Iterable[str], origin: str, delimiter: str = ",", strict: bool = False, quote: str = DOUBLE
) -> NumberedRows:
    """The rows of CSV; `strict` refuses misplaced quotes and quotes that are never closed.

    Raises:
        DataError: names `origin` and the line where the row begins that is no CSV.
    """
    csv.field_size_limit(sys.maxsize)  # of the whole process; documents may be long
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=strict)
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
            f"{origin} is not valid CSV at line {begin}: {reason}; a text with quotes or line breaks must "
            "be quoted, and each quote in it doubled"
        ) from None


def escaped_rows(lines: Iterable[str], origin: str, delimiter: str, strict: bool = False) -> NumberedRows:
    r"""The rows of CSV in which \" stands for a quotation mark; other backslashes are kept."""
    marked = (ESCAPED_QUOTE.sub(rf"\1{PLACEHOLDER}", line) for line in lines)
    for number, row in csv_rows(marked, origin, delimiter, strict):
        yield number, [field.replace(PLACEHOLDER, '"') for field in row]


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
    if declared := declared_delimiter(file):
        return declared
    lines = head_lines(file, layout.encoding, HEAD_LINES)
    rows_by = {delimiter: readable_rows(lines, delimiter) for delimiter in DELIMITERS}
    if layout.by_number:
        fitting = {delimiter: size for delimiter, rows in rows_by.items() if (size := _labels(rows, layout))}
        if fitting:
            return min(fitting, key=fitting.__getitem__)
    for delimiter, rows in rows_by.items():
        if all(column in rows[0] for column in layout.columns):
            return delimiter
    return max(DELIMITERS, key=lambda delimiter: len(rows_by[delimiter][0]))  # for an error that lists the columns


def declared_delimiter(file: IO[bytes]) -> str | None:
    """The delimiter that the first line `sep=;` names."""
    file.seek(0)
    match = DELIMITER_LINE.fullmatch(file.readline())
    return match[2].decode() if match else None


def head_lines(file: IO[bytes], encoding: str, number: int) -> list[str]:
    """The first lines, without `sep=;`."""
    file.seek(0)
    lines = [line.decode(encoding, errors="replace") for _, line in numbered_lines(islice(file, number))]
    return lines[1:] if declared_delimiter(file) else lines


def quote_of(lines: Sequence[str], delimiter: str) -> str:
    """The quotation mark: ' where only that gives all rows the same number of fields, else ".

    The last line does not count, since it may be cut.

    Example:
        >>> quote_of(["Sport;'Home; and away'", "Web;'It''s new'", "Web;'…"], ";")
        "'"
    """
    widths = {
        quote: {len(row) for row in readable_rows(lines, delimiter, quote=quote)[:-1]} for quote in (DOUBLE, SINGLE)
    }
    begins = any(line.startswith(SINGLE) or delimiter + SINGLE in line for line in lines)
    return SINGLE if begins and len(widths[DOUBLE]) > 1 == len(widths[SINGLE]) else DOUBLE


def spread_lines(file: IO[bytes], encoding: str) -> list[str]:
    """Lines from the start of the file and from SPOTS places in it; none if the file is short."""
    lines = head_lines(file, encoding, HEAD_LINES)
    start, end = file.tell(), file.seek(0, 2)
    if end - start < 10 * start:
        return []
    for spot in range(1, SPOTS + 1):
        file.seek(start + (end - start) * spot // (SPOTS + 1))
        file.readline()  # the rest of a line
        lines += [line.decode(encoding, errors="replace") for line in islice(file, SPOT_LINES)]
    return lines


def readable_rows(lines: Sequence[str], delimiter: str, escaped: bool = False, quote: str = DOUBLE) -> list[list[str]]:
    """The rows before the first one that is not valid CSV; one empty row if there are none."""
    rows = []
    with suppress(DataError):
        reader = escaped_rows(lines, "", delimiter) if escaped else csv_rows(lines, "", delimiter, quote=quote)
        for _, row in reader:
            if row:
                rows.append(row)
    return rows or [[]]


def _labels(rows: Sequence[Sequence[str]], layout: Layout) -> tuple[int, int] | None:
    """Number and total length of the different labels; None if the rows have unequal or too few fields."""
    complete = rows[:-1] or rows  # the last row may continue after these lines
    widths = {len(row) for row in complete}
    if len(widths) > 1 or widths.pop() < max(map(int, layout.columns)):
        return None
    labels = {row[int(layout.columns[len(layout.texts)]) - 1] for row in complete}
    return len(labels), sum(map(len, labels))
