"""Which columns of a user's tables hold text and label, and whether a table has them."""

import difflib
from collections.abc import Sequence
from typing import Any, NamedTuple

from core.errors import DataError

KEYS = ("data.text_column", "data.label_column")


class Wanted(NamedTuple):
    """The columns that are read, both by name or both by number, and how files that are text are written."""

    text: str | int
    label: str | int
    encoding: str = "utf-8"
    literal: frozenset[str] = frozenset()  # where quotation marks mean nothing (text/sources/quotes.py)

    @property
    def columns(self) -> tuple[str | int, str | int]:
        """Text and label."""
        return self.text, self.label

    @property
    def by_number(self) -> bool:
        """Whether the files have no header."""
        return isinstance(self.text, int)


Row = tuple[int, Any, Any]  # number of the row, text, label


def check_columns(found: Sequence[str], wanted: Wanted, origin: str, also: str = "") -> None:
    """Whether both columns are there, once; `also` says what else is allowed besides their names.

    Raises:
        DataError: a column is missing or stands there twice; the message lists those that were found.
    """
    for key, column in zip(KEYS, wanted.columns, strict=True):
        if (times := list(found).count(column)) == 1:  # type: ignore[arg-type]  # a number is not there
            continue
        reason = "has no such column" if times == 0 else f"has {times} columns of that name"
        close = difflib.get_close_matches(str(column), found, n=1)
        hint = f" did you mean {close[0]!r}?" if close and times == 0 else ""
        raise DataError(f"{key} is {column!r}, but {origin} {reason};{hint} allowed: {listed(found)}{also}")


def listed(found: Sequence[str]) -> str:
    """The first of the names that were found, for a message."""
    shown = ", ".join(repr(name[:60]) for name in found[:10])
    return (shown or "nothing") + (f" and {len(found) - 10} more" if len(found) > 10 else "")
