"""Where a user's tables hold text and label, and whether a table has these columns."""

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

from core.errors import DataError

KEYS = ("data.text_column", "data.label_column")

Column = str | int


class Row(NamedTuple):
    """A document of a table, as the file holds it."""

    number: int  # from 1
    text: Any  # a tuple if there are several columns
    label: Any
    split: Any = None  # None: that of the file


class Layout(NamedTuple):
    """The columns of text and label, all by name or all by number from 1, and how text files are written."""

    text: Column | tuple[Column, ...] | None  # several are joined by a space; None: not known yet
    label: Column | None
    encoding: str = "utf-8"
    literal: frozenset[str] = frozenset()  # delimiters of files in which quotation marks are mere text (quotes.py)
    escaped: frozenset[str] = frozenset()  # delimiters of files in which \\" stands for a quotation mark in quotes
    delimiter: str | None = None  # of CSV; None: not known yet
    quote: str = '"'  # around fields of CSV that hold the delimiter
    binned: bool = False  # labels are numbers, which data.bins turns into classes
    split: Column | None = None  # the column that says the split of each document
    keys: tuple[str, str] = KEYS  # the names of both settings in errors

    @property
    def texts(self) -> tuple[Column, ...]:
        """The text columns."""
        return self.text if isinstance(self.text, tuple) else () if self.text is None else (self.text,)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The text columns, then those of label and split; without those that are unknown or not there."""
        return (*self.texts, *(column for column in (self.label, self.split) if column is not None))

    @property
    def by_number(self) -> bool:
        """Whether the files have no header."""
        return any(isinstance(column, int) for column in self.columns)

    def row(self, number: int, values: Sequence[Any]) -> Row:
        """The document with these values of `columns`."""
        if not isinstance(self.text, tuple):
            return Row(number, *values)
        return Row(number, tuple(values[: len(self.text)]), *values[len(self.text) :])


def check_columns(names: Sequence[str], layout: Layout, origin: str, also: str = "") -> None:
    """Checks that `names` has each text column and the label column exactly once; `also` is added to the message.

    Raises:
        DataError: a column is missing or ambiguous; the message lists the table's columns.
    """
    for key, column in keyed(layout):
        if (times := list(names).count(column)) == 1:  # type: ignore[arg-type]  # a number is not there
            continue
        reason = "has no such column" if times == 0 else f"has {times} columns of that name"
        close = difflib.get_close_matches(str(column), names, n=1)
        hint = f" did you mean {close[0]!r}?" if close and times == 0 else ""
        raise DataError(f"{key} is {column!r}, but {origin} {reason};{hint} allowed: {listed(names)}{also}")


def keyed(layout: Layout) -> list[tuple[str, Column]]:
    """Each column with the name of its setting."""
    text, label = layout.keys
    return [(text, column) for column in layout.texts] + ([] if layout.label is None else [(label, layout.label)])


def shown(column: Column | tuple[Column, ...] | None) -> str:
    """The column for a message; several as params.yaml has them."""
    return f"[{', '.join(map(repr, column))}]" if isinstance(column, tuple) else repr(column)


def listed(names: Sequence[str]) -> str:
    """The first names, for a message."""
    first = ", ".join(repr(name[:60]) for name in names[:10])
    return (first or "nothing") + (f" and {len(names) - 10} more" if len(names) > 10 else "")
