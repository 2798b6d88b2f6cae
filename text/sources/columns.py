"""Where a user's tables hold text and label, and whether a table has these columns."""

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

from core.errors import DataError

KEYS = ("data.text_column", "data.label_column")

Row = tuple[int, Any, Any]  # number of the row from 1, text, label


class Layout(NamedTuple):
    """The two columns, both by name or both by number from 1, and how text files are written."""

    text: str | int
    label: str | int
    encoding: str = "utf-8"
    literal: frozenset[str] = frozenset()  # delimiters of files in which quotation marks are mere text (quotes.py)
    keys: tuple[str, str] = KEYS  # the names of both settings in errors

    @property
    def columns(self) -> tuple[str | int, str | int]:
        """Text and label."""
        return self.text, self.label

    @property
    def by_number(self) -> bool:
        """Whether the files have no header."""
        return isinstance(self.text, int)


def check_columns(names: Sequence[str], layout: Layout, origin: str, also: str = "") -> None:
    """Checks that a table with columns of these names has both columns once; `also` adds to what is allowed.

    Raises:
        DataError: a column is missing or ambiguous; the message lists the table's columns.
    """
    for key, column in zip(layout.keys, layout.columns, strict=True):
        if (times := list(names).count(column)) == 1:  # type: ignore[arg-type]  # a number is not there
            continue
        reason = "has no such column" if times == 0 else f"has {times} columns of that name"
        close = difflib.get_close_matches(str(column), names, n=1)
        hint = f" did you mean {close[0]!r}?" if close and times == 0 else ""
        raise DataError(f"{key} is {column!r}, but {origin} {reason};{hint} allowed: {listed(names)}{also}")


def listed(names: Sequence[str]) -> str:
    """The first names, for a message."""
    first = ", ".join(repr(name[:60]) for name in names[:10])
    return (first or "nothing") + (f" and {len(names) - 10} more" if len(names) > 10 else "")
