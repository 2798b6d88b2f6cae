"""A user's own data: one table, or train, test and optionally validation tables (text/sources/tables.py).

Missing are null, NaN, an absent JSON key, and an empty label; an empty text is a text. Labels are names, spelled the
same in every format (text/sources/labels.py).
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from core.errors import DataError
from text.sources.archives import members, names
from text.sources.columns import Layout, listed
from text.sources.corpus import Document, Split, counted
from text.sources.labels import Spellings, doubts, objection, spelled
from text.sources.lines import Utf8Lines
from text.sources.quotes import Quotes
from text.sources.splits import ALL
from text.sources.tables import DELIMITED, READERS, delimited

SPLITS = {"train": "train", "test": "test", "validation": "validation", "valid": "validation", "dev": "validation"}
REMEDIES = {
    ".xlsx": "save its sheet as CSV",
    ".xls": "save its sheet as CSV",
    ".json": ".jsonl has one object a line",
    ".txt": "call it .csv or .tsv if that is what it holds",
}
NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")  # line ends, and what XML forbids
LONGEST_LABEL = 200  # characters; it names a class in tables and figures
MIXED_UP = "; are data.text_column and data.label_column mixed up?"


class SourceRow(NamedTuple):
    """A row of a table: text and label as the file holds them, and how messages name it."""

    split: str
    number: int
    where: str
    text: Any
    label: Any


def parse(paths: Sequence[Path], layout: Layout, notes: list[str] | None = None) -> Iterator[Document]:
    """The documents in the fetched `paths`: one file, or one folder or archive that holds the files.

    `notes` gets a line for each decision, change and ignored file; they are complete after the last document.

    Raises:
        DataError: one line that names the file that cannot be read, and if possible the line in it.
    """
    [path] = paths
    notes = [] if notes is None else notes
    spellings = Spellings()
    for row in rows(path, layout, notes):
        where = row.where
        text, label = document_text(row.text, layout, where), label_name(row.label, layout, where, spellings)
        yield Document(row.split, f"{row.split}/{row.number}", text, label)
    notes.extend(spellings.notes())


def rows(path: Path, layout: Layout, notes: list[str]) -> Iterator[SourceRow]:
    """The rows of the tables at `path`; `notes` gets what `parse` says but for the labels' spelling.

    Raises:
        DataError: as `parse`.
    """
    split_of = _assign(path, names(path), notes)
    layout = layout._replace(literal=_survey(path, split_of, layout, notes))
    for member in members(path, lambda name: name in split_of):
        number = 0
        for number, text, label in READERS[_suffix(member.name)](member, layout):
            yield SourceRow(split_of[member.name], number, f"row {number} of {member.origin}", text, label)
        if number == 0:
            expected = " and ".join(map(repr, dict.fromkeys(layout.columns)))
            raise DataError(f"{member.origin} holds no rows; expected {expected} of documents")


def _survey(path: Path, split_of: Mapping[str, str], layout: Layout, notes: list[str]) -> frozenset[str]:
    """Reads all text files to find out how they are written; returns the delimiters with literal quotation marks."""
    quotes, utf8 = Quotes(), Utf8Lines(layout.encoding)
    for member in members(path, lambda name: name in split_of and _suffix(name) != ".parquet"):
        if _suffix(member.name) in DELIMITED:
            with delimited(member, layout) as table:
                quotes.add(table)
                utf8.add(table.lines())
        else:
            utf8.add(member.lines())
    literal, decisions = quotes.decide()
    notes += [*decisions, *utf8.notes()]
    return literal


def check(splits: Mapping[str, Split], labels: Sequence[str], by_number: bool) -> list[str]:
    """Checks that the columns hold texts and classes; `labels` are the names of the splits' labels.

    Returns:
        Notes on what may be a mistake.

    Raises:
        DataError: a certain mistake.
    """
    counts = counted(splits.values())
    source = splits.get("train") or next(iter(splits.values()))
    in_training = [labels[index] for index in np.unique(source.labels)]
    if reason := objection(labels, *counts) or objection(in_training, *counted([source])):
        raise DataError(reason)
    notes = list(doubts(labels, *counts))
    first = Counter(labels[split.labels[0]] for split in splits.values() if len(split.labels))
    if by_number and len(labels) > 2:
        rows = np.bincount(np.concatenate([split.labels for split in splits.values()]))
        notes += [
            f"only the first row has the label {label!r}: is it a header? Then name the columns by it"
            for label, number in first.items()
            if rows[labels.index(label)] == number
        ]
    return notes


def sorted_labels(names: Iterable[str]) -> list[str]:
    """Label names in the order of their classes: by number if all are numbers, else by alphabet."""
    result = sorted(names)
    try:
        numbers = {name: float(name) for name in result}
    except ValueError:
        return result
    return sorted(result, key=numbers.__getitem__) if all(map(math.isfinite, numbers.values())) else result


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _assign(path: Path, file_names: list[str], notes: list[str]) -> dict[str, str]:
    """The split of each file to read: by its name, or ALL if there is only one file."""
    readable = [name for name in file_names if _suffix(name) in READERS]
    if len(readable) == 1:
        return {readable[0]: ALL}
    split_of = {name: SPLITS[stem] for name in readable if (stem := PurePosixPath(name).stem.lower()) in SPLITS}
    if not readable:
        remedy = f"; {REMEDIES[suffix]}" if (suffix := path.suffix.lower()) in REMEDIES else ""
        raise DataError(f"{path} holds no table; found: {listed(file_names)}; allowed: {', '.join(READERS)}{remedy}")
    allowed = f"one file, or train, test and optionally validation, in the formats {', '.join(READERS)}"
    for split in ("train", "test", "validation"):
        files = [name for name, of in split_of.items() if of == split]
        if len(files) > 1:
            raise DataError(f"{path} holds several files for {split}: {', '.join(files)}; allowed: {allowed}")
        if not files and split != "validation":
            raise DataError(f"{path} has no file for {split}; found: {listed(file_names)}; allowed: {allowed}")
    if ignored := [name for name in readable if name not in split_of]:
        notes.append(f"ignored tables: {listed(ignored)}")
    return split_of


def document_text(value: Any, layout: Layout, where: str) -> str | None:
    """The document; a number becomes its digits."""
    if value is None or value != value:
        return None
    if not isinstance(value, str | int | float | Decimal):
        raise DataError(f"column {layout.text!r} holds a {type(value).__name__} in {where}; allowed: text")
    return _encodable(str(value), layout.text, where)


def label_name(value: Any, layout: Layout, where: str, spellings: Spellings) -> str | None:
    """The name of the class."""
    if value is None or value != value:
        return None
    column = layout.label
    if not isinstance(value, str | int | float | Decimal):
        hint = "; the data look multi-label" if isinstance(value, list) else ""
        kind = type(value).__name__
        raise DataError(f"column {column!r} holds a {kind} in {where}{hint}; allowed: text or numbers")
    name = _encodable(spellings.name(value) if isinstance(value, str) else spelled(_number(value)), column, where)
    if len(name) > LONGEST_LABEL:
        raise DataError(
            f"column {column!r} holds {name[:40]!r}… of {len(name)} characters in {where}; "
            f"allowed: at most {LONGEST_LABEL}, which name a class{MIXED_UP}"
        )
    if NO_NAME.search(name):
        raise DataError(
            f"column {column!r} holds {name!r} in {where}; allowed: one line without control characters{MIXED_UP}"
        )
    return name or None


def _number(value: float | Decimal) -> str:
    """A number, or True or False, without exponent and trailing zeros."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _encodable(value: str, column: str | int, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"column {column!r} holds half a surrogate pair in {where}, which is no character") from None
    return value
