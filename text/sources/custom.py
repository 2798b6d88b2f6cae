"""Reads a user's own data: the documents in the files that text/sources/look.py recognised.

null, NaN, an absent JSON key and an empty label count as missing; an empty text does not. Labels become names that are
spelled the same in every format (text/sources/labels.py).
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from config.bins import Bin
from core.class_names import CONTROL, LONGEST_LABEL
from core.errors import DataError
from text.sources.bins import Binned
from text.sources.columns import Layout, shown
from text.sources.corpus import Document, Split, counted
from text.sources.labels import Spellings, doubts, objection, spelled
from text.sources.lines import Utf8Lines
from text.sources.look import Look, look
from text.sources.quotes import Quotes, Quoting
from text.sources.readers import CSV, delimited

MIXED_UP = "; are data.text_column and data.label_column mixed up?"


def parse(paths: Sequence[Path], layout: Layout, notes: list[str] | None = None) -> Iterator[Document]:
    """The documents in the fetched `paths`: one file, or one folder or archive that holds the files.

    Columns of `layout` that are None are detected. A line for each decision, change and ignored table is appended to
    `notes`, which is complete after the last document.

    Raises:
        DataError: a file cannot be read; the message is one line that names the file and, if possible, the line in it.
    """
    [path] = paths
    yield from documents(look(path, layout), [] if notes is None else notes)


class SourceRow(NamedTuple):
    """A row of a table: text and label as the file holds them, and how messages name it."""

    split: str
    key: str  # its number in the split, or the name of a file that is one document
    where: str
    text: Any
    label: Any


def documents(found: Look, notes: list[str], bins: Mapping[str, Bin] | None = None) -> Iterator[Document]:
    """The documents of the source, with the classes of `bins` if there are any; for `notes` see `parse`."""
    spellings, layout, binned = Spellings(), found.layout, Binned(bins or {})
    for row in source_rows(found, notes):
        text = document_text(row.text, layout, row.where)
        label = label_name(row.label, layout, row.where, spellings)
        if bins and label is not None and (label := binned.name(label, row.split, row.where)) is None:
            continue
        yield Document(row.split, f"{row.split}/{row.key}", text, label)
    notes.extend([*spellings.notes(), *binned.notes()])


def source_rows(found: Look, notes: list[str]) -> Iterator[SourceRow]:
    """The rows of the source; appends to `notes` what `parse` does, except the lines about labels."""
    notes += found.notes
    quoting = _survey(found, notes)
    layout = found.layout
    rows_before: Counter[str] = Counter()
    for file, rows in found.rows(quoting):
        number = 0
        for number, text, label, named_split in rows:
            if named_split is None:
                split = file.split
                key = file.document or f"{rows_before[split] + number}"
            else:
                split = found.split_of_value[str(named_split).strip()]
                rows_before[split] += 1
                key = f"{rows_before[split]}"
            yield SourceRow(split, key, f"row {number} of {file.origin}", text, label)
        if file.layout.split is None:
            rows_before[file.split] += number
        if number == 0:
            expected = f"{shown(layout.text)} and {shown(layout.label)}"
            raise DataError(f"{file.origin} holds no rows; expected {expected} of documents")


def _survey(found: Look, notes: list[str]) -> Quoting:
    """Reads all text files to decide how quotation marks are read, and to warn of a wrong encoding."""
    quotes, utf8 = Quotes(), Utf8Lines(found.layout.encoding)
    for member, file in found.text_members():
        if file.format == CSV:
            with delimited(member, file.layout) as table:
                quotes.add(table)
                utf8.add(table.lines())
        else:
            utf8.add(member.lines())
    quoting, decisions = quotes.decide()
    notes += [*decisions, *utf8.notes()]
    return quoting


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


def document_text(value: Any, layout: Layout, where: str) -> str | None:
    """The document; a number becomes its digits; several columns are joined by spaces, without missing ones."""
    if isinstance(value, tuple):
        parts = [part for one in value if (part := document_text(one, layout, where)) is not None]
        return " ".join(part for part in parts if part.strip()) if parts else None
    if value is None or value != value:
        return None
    if not isinstance(value, str | int | float | Decimal):
        mend = f"; save one of its parts ({', '.join(map(str, value))}) as a column" if isinstance(value, dict) else ""
        raise DataError(f"column {shown(layout.text)} holds a {type(value).__name__} in {where}; allowed: text{mend}")
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
    if CONTROL.search(name):
        raise DataError(
            f"column {column!r} holds {name!r} in {where}; allowed: one line without control characters{MIXED_UP}"
        )
    return name or None


def _number(value: float | Decimal) -> str:
    """A number, or True or False, without exponent and trailing zeros."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _encodable(value: str, column: Any, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(
            f"column {shown(column)} holds half a surrogate pair in {where}, which is not a character"
        ) from None
    return value
