"""Decides for each delimiter whether quotation marks in CSV and TSV files quote fields or are ordinary characters.

CSV has quoting (RFC 4180). TSV as such has none, but pandas and Excel quote in both. All files are read both ways: as
strict CSV, and literally. If files are valid CSV only with backslashes as escapes of quotation marks in texts, the
backslashes are removed; TSV is read so only if the literal reading fails, too. If one reading of TSV fails, the other
is right. In files with another delimiter, invalid CSV is an error, since a missing quotation mark is the likelier
reason. If both readings succeed:

- If quoted fields join several lines into one row, the labels decide. Lines that are rows of their own have labels that
  other rows have. Lines that are parts of one text lead to new labels. Without labels the fields are quoted.
- Otherwise CSV is quoted, and TSV is quoted if a CSV writer could have written it, that is, if quotation marks enclose
  only fields that need them, or all fields of a column.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from core.errors import DataError
from text.sources.columns import Row
from text.sources.corpus import MOST_CLASSES
from text.sources.delimited import DELIMITERS, DOUBLE, Table

TAB = "\t"
NAMES = {",": "comma", ";": "semicolon", TAB: "tab", "|": "bar"}


class Quoting(NamedTuple):
    r"""The delimiters of files in which quotation marks are mere text, and of those with \" in quotes."""

    literal: frozenset[str] = frozenset()
    escaped: frozenset[str] = frozenset()


EVERY = frozenset(DELIMITERS)
WAYS = (Quoting(), Quoting(escaped=EVERY), Quoting(literal=EVERY))  # in the order in which they are tried
Result = TypeVar("Result")


def in_first_way(read: Callable[[Quoting], Result]) -> Result:
    """What `read` returns for the first way to read quotation marks in which it succeeds; for a look at some rows.

    Raises:
        DataError: it succeeds in none; the fault is that of the first way.
    """
    first_fault: DataError | None = None
    for quoting in WAYS:
        try:
            return read(quoting)
        except DataError as fault:
            first_fault = first_fault or fault
    assert first_fault is not None
    raise first_fault


@dataclass
class _Reading:
    """The content of all files with one delimiter, read in one of the two ways."""

    rows: int = 0
    labels: set[str] = field(default_factory=set)  # at most one more than are allowed
    line_breaks: int = 0  # texts that hold some
    fault: DataError | None = None  # the first

    def add(self, rows: Iterator[Row]) -> None:
        if self.fault:
            return
        try:
            for row in rows:
                self.rows += 1
                self.line_breaks += "\n" in row.text
                if len(self.labels) <= MOST_CLASSES:
                    self.labels.add(row.label.strip())
        except DataError as fault:
            self.fault = fault


@dataclass
class _Files:
    """The files with one delimiter."""

    quoted: _Reading = field(default_factory=_Reading)
    literal: _Reading = field(default_factory=_Reading)
    escaped: _Reading = field(default_factory=_Reading)  # with backslashes as escapes; only files that contain them
    from_csv_writer: bool = True  # whether a CSV writer could have written them
    labelled: bool = True  # whether the label is a column of its own
    ambiguous: list[str] = field(default_factory=list)  # texts whose lines could be rows

    def add(self, table: Table) -> None:
        self.quoted.add(table.rows(quoted=True))
        if any(b'\\"' in line for line in table.lines()):
            layout = table.layout._replace(escaped=frozenset(table.delimiter))
            self.escaped.add(table._replace(layout=layout).rows(quoted=True))
        self.literal.add(table.rows(quoted=False))
        self.labelled = table.layout.label not in table.layout.texts
        if self.labelled and self.quoted.line_breaks and not self.quoted.fault:
            self.ambiguous += _texts_like_rows(table, self.quoted.labels)
        readable = not self.quoted.fault and not self.literal.fault
        if readable and self.quoted.rows == self.literal.rows and table.delimiter == TAB:
            self.from_csv_writer = self.from_csv_writer and _could_be_written(table)

    @property
    def are_escaped(self) -> bool:
        """Whether they are CSV only with backslashes before the quotation marks in texts."""
        return bool(self.quoted.fault and self.escaped.rows and not self.escaped.fault)

    def reason_to_read_literally(self, delimiter: str) -> str | None:
        """Why the files are no CSV; None if they are.

        Raises:
            DataError: TSV can be read in neither way.
        """
        fault, joined = self.quoted.fault, self.literal.rows - self.quoted.rows
        if fault and delimiter == TAB:
            if self.literal.fault:
                faults = dict.fromkeys(map(str, (fault, self.literal.fault)))
                raise DataError("; and with quotes as they stand, ".join(faults))
            return "they cannot be read as CSV"
        if fault or self.literal.fault:
            return None
        if joined:
            new_labels = self.literal.labels - self.quoted.labels
            are_classes = self.labelled and len(self.literal.labels) <= MOST_CLASSES
            is_literal = are_classes and 2 * len(new_labels) <= joined
            return f"as CSV, {joined} rows would become part of others" if is_literal else None
        return "some stand where CSV needs none" if delimiter == TAB and not self.from_csv_writer else None


class Quotes:
    """Looks at all files of a data set, then decides."""

    def __init__(self) -> None:
        self._files: dict[str, _Files] = {}

    def add(self, table: Table) -> None:
        """Looks at one more file; without quotation marks both readings are the same."""
        if table.layout.quote == DOUBLE and any(b'"' in line for line in table.lines()):
            self._files.setdefault(table.delimiter, _Files()).add(table)

    def decide(self) -> tuple[Quoting, list[str]]:
        """How quotation marks are read, and notes on what was decided.

        Raises:
            DataError: tab-separated files can be read in neither way.
        """
        literal, escaped, notes = set(), set(), []
        for delimiter, files in self._files.items():
            where = f"quotation marks in {NAMES[delimiter]}-separated files"
            if files.are_escaped and (delimiter != TAB or files.literal.fault):
                escaped.add(delimiter)
                notes.append(f"{where} are read as in CSV, those in texts after a backslash")
                continue
            if reason := files.reason_to_read_literally(delimiter):
                literal.add(delimiter)
                notes.append(f"{where} are read literally: {reason}")
                continue
            if delimiter == TAB:
                notes.append(f"{where} are read as in CSV")
            if files.quoted.line_breaks:
                notes.append(f"quoted texts with line breaks: {files.quoted.line_breaks:,}")
            if files.ambiguous:
                notes.append(
                    f"{len(files.ambiguous):,} of these texts hold lines that look like rows of their own, such as "
                    f"{files.ambiguous[0][:80]!r}: is a quotation mark missing?"
                )
        return Quoting(frozenset(literal), frozenset(escaped)), notes


def _could_be_written(table: Table) -> bool:
    """Whether a CSV writer could have written a file in which quotation marks join no lines."""
    bare: set[int] = set()  # columns with unquoted fields
    needless: set[int] = set()  # columns with quoted fields that need no quotation marks
    rows = (row for _, row in table.fields(quoted=False) if row)
    if not table.layout.by_number:
        next(rows, None)
    for raw_row in rows:
        row = next(csv.reader([table.delimiter.join(raw_row)], delimiter=table.delimiter, strict=True), [])
        for column, (raw, value) in enumerate(zip(raw_row, row, strict=True)):
            if raw != value:
                if not set(value) & {'"', "\r"}:
                    needless.add(column)
            elif '"' in raw:
                return False
            elif raw:
                bare.add(column)
    return not bare & needless


def _texts_like_rows(table: Table, labels: set[str]) -> Iterator[str]:
    """The texts of multi-line rows in which each line alone would be a row with one of `labels`."""
    rows = (row for _, row in table.fields(quoted=True) if row)
    text, *others = table.places(next(rows))
    label = others[len(table.layout.texts) - 1]
    for row in rows:
        lines = [line.split(table.delimiter) for line in table.delimiter.join(row).split("\n")]
        if len(lines) > 1 and all(len(line) == len(row) and line[label].strip() in labels for line in lines):
            yield row[text]
