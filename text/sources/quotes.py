"""How quotation marks are meant in CSV and TSV files, decided once for all files of a data set with one separator.

CSV quotes (RFC 4180), while TSV as such knows no quoting; yet pandas and Excel quote in both. Both readings are tried
on all files, as CSV strictly: every quoted field ends before a separator or the line's end, and every row has as many
fields as the header. Where one reading fails, the other is right; CSV that fails as CSV is an error, though, for a lost
quote is likelier there. Where both succeed,

- and quoted fields join lines to one row, the lines tell: if they are rows of their own, they have labels that other
  rows have; if they are a text, each brings a piece of text as a new label;
- else CSV is quoted, and so is TSV if a writer of CSV could have written it: quotation marks stand around the fields
  that need them, or around all fields of a column.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from core.errors import DataError
from text.sources.columns import Row
from text.sources.corpus import MOST_CLASSES
from text.sources.delimited import Table

TAB = "\t"
NAMES = {",": "comma", ";": "semicolon", TAB: "tab", "|": "bar"}


@dataclass
class _Reading:
    """What all files with one separator hold if they are read in one of the two ways."""

    rows: int = 0
    labels: set[str] = field(default_factory=set)  # not many more than are allowed
    broken: int = 0  # texts that hold line breaks
    fault: DataError | None = None  # the first

    def add(self, rows: Iterator[Row]) -> None:
        if self.fault:
            return
        try:
            for _, text, label in rows:
                self.rows += 1
                self.broken += "\n" in text
                if len(self.labels) <= MOST_CLASSES:
                    self.labels.add(label.strip())
        except DataError as fault:
            self.fault = fault


@dataclass
class _Files:
    """The files with one separator."""

    quoted: _Reading = field(default_factory=_Reading)
    literal: _Reading = field(default_factory=_Reading)
    as_written: bool = True  # by a writer of CSV
    doubtful: list[str] = field(default_factory=list)  # texts that hold what could be rows of their own

    def add(self, table: Table) -> None:
        self.quoted.add(table.rows(quoted=True))
        self.literal.add(table.rows(quoted=False))
        if self.quoted.broken and not self.quoted.fault:
            self.doubtful += _texts_like_rows(table, self.quoted.labels)
        both = not self.quoted.fault and not self.literal.fault and self.quoted.rows == self.literal.rows
        if both and table.delimiter == TAB:
            self.as_written = self.as_written and _could_be_written(table)

    def reason_to_read_literally(self, delimiter: str) -> str | None:
        """What speaks against reading the files as CSV.

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
            return f"as in CSV they would hide {joined} rows in others" if 2 * len(new_labels) <= joined else None
        return "some stand where CSV needs none" if delimiter == TAB and not self.as_written else None


class Quotes:
    """Looks at all files of a data set, then decides."""

    def __init__(self) -> None:
        self._files: dict[str, _Files] = {}

    def add(self, table: Table) -> None:
        """Looks at one more file; one without quotation marks reads the same either way."""
        if table.has_quotes():
            self._files.setdefault(table.delimiter, _Files()).add(table)

    def decide(self) -> tuple[frozenset[str], list[str]]:
        """The separators of files in which quotation marks are literal, and notes that say what was decided.

        Raises:
            DataError: tab-separated files can be read in neither way.
        """
        literal, notes = set(), []
        for delimiter, files in self._files.items():
            where = f"quotation marks in {NAMES[delimiter]}-separated files"
            if reason := files.reason_to_read_literally(delimiter):
                literal.add(delimiter)
                notes.append(f"{where} are read as they stand: {reason}")
            elif delimiter == TAB:
                notes.append(f"{where} are read as in CSV")
            if delimiter not in literal and files.quoted.broken:
                notes.append(f"texts that hold line breaks, in quotation marks: {files.quoted.broken:,}")
                if files.doubtful:
                    notes.append(
                        f"{len(files.doubtful):,} of these texts hold lines that look like rows of their own, such as "
                        f"{files.doubtful[0][:80]!r}: does a quotation mark lack?"
                    )
        return frozenset(literal), notes


def _could_be_written(table: Table) -> bool:
    """Whether a writer of CSV could have put the quotation marks as they stand, in a file where they join no lines."""
    bare: set[int] = set()  # columns with fields outside of quotation marks
    needless: set[int] = set()  # columns with fields that need no quotation marks and have them
    rows = table.both_fields()
    if not table.wanted.by_number:
        next(rows)
    for raw_row, row in rows:
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
    """The texts of rows joined by quotation marks whose lines alone would be rows, with labels that others have."""
    rows = (row for _, row in table.fields(quoted=True) if row)
    header = next(rows)
    text, label = table.places(header)
    for row in rows:
        lines = [line.split(table.delimiter) for line in table.delimiter.join(row).split("\n")]
        if len(lines) > 1 and all(len(line) == len(row) and line[label].strip() in labels for line in lines):
            yield row[text]
