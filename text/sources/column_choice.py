"""Detects the columns of text and label, and whether the first row is a header; if that is unclear, asks the user.

Columns named text and label are taken, whatever they contain. Otherwise the first rows decide. The text is the column
of prose; several are joined if they have usual names (title, body), or if they are neighbours without names. The label
is the only column with a usual name. Without such a column, it is the only one with a few short values that repeat.
Without a header, it may also be the only one of these with opposite words (pos, neg), or with single digits. Row
numbers, dates, addresses and empty columns are neither text nor label.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Literal

from core.errors import DataError
from text.sources.column_names import (
    DERIVED,
    INDEX_NAMES,
    LABEL_NAMES,
    TEXT_NAMES,
    ends_as_label,
    has_usual_name,
    plain,
    words_of,
)
from text.sources.columns import KEYS, Column, Layout, listed, shown
from text.sources.corpus import MOST_CLASSES
from text.sources.labels import multi_label
from text.sources.split_names import WORDS

OPPOSED = (  # classes by which the label is recognised where columns have no names
    *({"positive", "negative"}, {"pos", "neg"}, {"spam", "ham"}, {"real", "fake"}),
)
MOST_SCORES = 10  # different numbers with fractions that are taken for classes
SHORT = 50  # characters of a label at most
PROSE_WORDS = 3  # median of a text column, at least
PROSE_CHARACTERS = 6  # the same where words are not separated
FEWEST_ROWS = 5  # fewer show no pattern
NO_CLASS = re.compile(r"\d:\d\d|\d{4}-\d\d|\d\d?[./-]\d\d?[./-]\d\d|https?://|www\.")  # times, dates, addresses
TRUE = ("1", "1.0", "True", 1, 1.0, True)
ONE_DIGIT = re.compile(r"-?[0-9](\.0)?")
SEVERAL = 3  # columns that may each hold a class; these are asked about as what they look like
UNSEPARATED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

Kind = Literal["empty", "index", "number", "split", "text", "label", "other"]


@dataclass(frozen=True)
class Head:
    """The first rows of a table; `names` is None if it has no header."""

    names: list[str] | None
    rows: list[list[Any]]

    def column(self, index: int) -> list[str]:
        """The column's values as text."""
        return ["" if row[index] is None else str(row[index]) for row in self.rows]

    def columns(self) -> list[Column]:
        """Names, or numbers from 1."""
        return list(self.names) if self.names is not None else list(range(1, len(self.rows[0]) + 1))


class Unclear(DataError):
    """The user must set a column, or say whether the first row is a header; `layout` holds what is known."""

    def __init__(self, message: str, head: Head, layout: Layout, of_header: bool = False) -> None:
        super().__init__(message)
        self.head = head
        self.layout = layout
        self.of_header = of_header


def kind_of(values: Sequence[str], name: str = "?") -> Kind:
    """What a column holds, by its first values and its name."""
    present = [value.strip() for value in values if value.strip()]
    if not present:
        return "empty"
    if all(value.lower() in WORDS for value in present):
        return "split"
    different = len(set(present))
    numbers = [int(value) if value.isdecimal() else None for value in present]
    if different == len(present) > 1 and None not in numbers:
        steps = {b - a for a, b in pairwise(numbers)}  # type: ignore[operator]
        if plain(name) in INDEX_NAMES or steps == {1}:
            return "index"
    if _is_prose(present) and 2 * different > len(present):
        return "text"
    if 2 * sum(NO_CLASS.search(value) is not None for value in present) > len(present):
        return "other"
    repeats = len(present) >= FEWEST_ROWS and 2 <= different <= MOST_CLASSES and 2 * different <= len(present)
    if repeats and max(map(len, present)) <= SHORT:
        return "label"
    return "number" if all(map(_is_number, present)) else "other"


def _is_prose(values: Sequence[str]) -> bool:
    letters = sum(character.isalpha() for value in values for character in value[:200])
    visible = sum(not character.isspace() for value in values for character in value[:200])
    if 10 * letters < 6 * visible:
        return False
    unseparated = [len(UNSEPARATED.findall(value)) for value in values]
    return median(len(value.split()) for value in values) >= PROSE_WORDS or median(unseparated) >= PROSE_CHARACTERS


def has_header(rows: Sequence[Sequence[Any]]) -> bool | None:
    """Whether the first row is a header; None if it could be either.

    It is a header if it contains a usual name, a word above numbers, or a word above prose. It is a document if its
    value in a label column occurs again, if it has a number above numbers, or if it has prose above prose, and all its
    other values, except numbers, occur again. If both or neither holds, the answer is None.
    """
    first, rest = ["" if value is None else str(value).strip() for value in rows[0]], rows[1:]
    is_usual = any(plain(name) in (*TEXT_NAMES, *LABEL_NAMES) for name in first)
    if not rest:
        return True if is_usual else None
    signs, against, is_prose, is_new = is_usual, False, False, False
    for index, name in enumerate(first):
        values = Head(None, list(map(list, rest))).column(index)
        kind = kind_of(values)
        present = [value.strip() for value in values if value.strip()]
        is_number = bool(present) and all(map(_is_number, present))
        if is_number and name:
            signs, against = signs or not _is_number(name), against or _is_number(name)
        elif kind in ("label", "other"):
            against = against or (kind == "label" and name in present)
            is_new = is_new or name not in present
        elif kind == "text":
            is_word = 0 < len(name) <= SHORT and len(name.split()) <= 2
            signs = signs or (is_word and len(present) >= 2 * FEWEST_ROWS)
            is_prose = len(name.split()) >= PROSE_WORDS or len(UNSEPARATED.findall(name)) >= PROSE_CHARACTERS
    against = against or (is_prose and not is_new)
    return signs if signs != against else None


def _are_fractions(values: Sequence[str]) -> bool:
    """Whether all are numbers, some with a fraction: scores, prices or shares."""
    fractions = (re.search("[.,]0*[1-9]", value) for value in values)
    return all(map(_is_number, values)) and any(fractions)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[-+]?[0-9]+([.,][0-9]+)?", value) is not None


def headed(rows: list[list[Any]], layout: Layout, origin: str) -> Head:
    """The head of a table whose first row may be a header.

    Raises:
        Unclear: the first row may or may not be a header, and the user has set no column that decides it.
    """
    is_header = not layout.by_number if layout.columns else has_header(rows)
    if is_header is None:
        fields = [str(value)[:40] for value in rows[0]]
        raise Unclear(
            f"the first row of {origin} may be a header or a document: {listed(fields)}; set data.text_column and "
            "data.label_column to names if it is a header, or to numbers, counted from 1, if it is a document",
            Head(None, rows),
            layout,
            of_header=True,
        )
    if not is_header:
        return Head(None, rows)
    return Head(["" if name is None else str(name) for name in rows[0]], rows[1:])


def choose(head: Head, layout: Layout, origin: str) -> Layout:
    """The layout with both columns.

    Raises:
        Unclear: it is not plain which columns hold text and label; the message names the candidates.
    """
    if layout.label is None:
        label = _one(labels(head, layout), KEYS[1], "class", head, layout, origin)
        values = _present(head, label)
        different = list(dict.fromkeys(values))
        are_scores = _are_fractions(values) and len(different) > MOST_SCORES and not multi_label(different)
        if are_scores and not layout.binned:
            raise Unclear(
                f"{KEYS[1]} is null, and in {origin} the column {shown(label)} holds scores, such as {values[0][:20]}; "
                "data.bins turns them into classes",
                head,
                layout._replace(label=label),
            )
        layout = layout._replace(label=label)
    return choose_text(head, layout, origin)


def choose_text(head: Head, layout: Layout, origin: str) -> Layout:
    """The layout with the text column.

    Raises:
        Unclear: it is not plain which column holds the text; the message names the candidates.
    """
    if layout.text is not None:
        return layout
    candidates = texts(head, layout.label)
    if len(candidates) > 1:
        places = [head.columns().index(column) for column in candidates]
        are_neighbours = places == list(range(places[0], places[0] + len(places)))
        if are_neighbours if head.names is None else all(map(has_usual_name, candidates)):
            return layout._replace(text=tuple(candidates))
    return layout._replace(text=_one(candidates, KEYS[0], "text", head, layout, origin))


def kinds(head: Head) -> dict[Column, Kind]:
    """What each column holds."""
    return {column: kind_of(head.column(index), str(column)) for index, column in enumerate(head.columns())}


def labels(head: Head, layout: Layout) -> list[Column]:
    """The columns that may hold the label."""
    all_kinds = kinds(head)
    if "label" in all_kinds:
        return ["label"]
    free = {column: kind for column, kind in all_kinds.items() if column not in layout.texts and kind != "empty"}
    short = {column: kind for column, kind in free.items() if kind != "text"}
    usual = [column for column in short if plain(str(column)) in LABEL_NAMES]
    if usual := usual or [column for column, kind in short.items() if kind == "label" and ends_as_label(column)]:
        return usual
    repeating = [column for column, kind in free.items() if kind == "label"]
    repeating = [column for column in repeating if not _are_fractions(_present(head, column))] or repeating
    if head.names is not None:
        return repeating
    values = {column: _present(head, column) for column in repeating}
    digits = [column for column in repeating if all(map(ONE_DIGIT.fullmatch, values[column]))]
    opposed = [column for column in repeating if any(pair <= {*map(str.lower, values[column])} for pair in OPPOSED)]
    return next((plain_ones for plain_ones in (opposed, digits) if len(plain_ones) == 1), repeating)


def texts(head: Head, label: Column | None) -> list[Column]:
    """The columns that may hold the text, if `label` holds the label."""
    all_kinds = kinds(head)
    if exact := [column for column in all_kinds if plain(str(column)) == "text" and column != label]:
        return exact if len(exact) == 1 else ["text"]
    no_text = ("empty", "index", "split")
    free = {column: kind for column, kind in all_kinds.items() if column != label and kind not in no_text}
    if prose := [column for column, kind in free.items() if kind == "text"]:
        prose = [column for column in prose if DERIVED.isdisjoint(words_of(column))] or prose
        return [column for column in prose if has_usual_name(column)] or prose
    usual = [column for column in free if plain(str(column)) in TEXT_NAMES]
    return usual or [column for column, kind in free.items() if kind == "other" and _may_be_text(column, head)]


def _may_be_text(column: Column, head: Head) -> bool:
    """Whether a column without prose may hold texts: its values are made of letters, and it is not called an id."""
    visible = "".join("".join(value[:200] for value in _present(head, column)).split())
    is_id = not {"id", "ids", "path", "url"}.isdisjoint(words_of(column)[-1:])
    return 2 * sum(map(str.isalpha, visible)) > len(visible) and not is_id


def _present(head: Head, column: Column) -> list[str]:
    """The values of the column that are not empty."""
    return [value.strip() for value in head.column(head.columns().index(column)) if value.strip()]


def indicators(head: Head, columns: Sequence[Column]) -> list[Column]:
    """Those of the columns that contain only 0 and 1; together they may be one label, or several labels."""
    return [column for column in columns if set(_present(head, column)) <= {"0", "1", "0.0", "1.0", "True", "False"}]


def _one(candidates: list[Column], key: str, what: str, head: Head, layout: Layout, origin: str) -> Column:
    if len(candidates) == 1:
        return candidates[0]
    if what == "class" and len(flags := indicators(head, candidates)) >= SEVERAL:
        names = listed([str(column) for column in flags])
        sums = [sum(row[head.columns().index(column)] in TRUE for column in flags) for row in head.rows]
        fault = "together they are one label" if set(sums) == {1} else "the data look multi-label"
        mend = "write the label into one column" if set(sums) == {1} else "one class per document"
        raise Unclear(
            f"{key} is null, and in {origin} the columns {names} hold 0 or 1 each: {fault}; allowed: {mend}, or "
            f"one of these columns, such as {shown(flags[0])}",
            head,
            layout,
        )
    allowed = ", ".join(shown(column) for column in (candidates or head.columns())[:10])
    several = f", or {shown(tuple(candidates))}" if what == "text" and candidates else ""
    question = "more than one column may hold" if candidates else "no column clearly holds"
    message = f"{key} is null, and in {origin} {question} the {what}; allowed: {allowed}{several}"
    raise Unclear(message, head, layout)
