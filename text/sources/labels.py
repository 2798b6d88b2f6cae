"""Names of a user's labels, and signs that a column does not hold classes."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

WHOLE = re.compile(r"-?(0|[1-9][0-9]*)\.0+")
BOOLEANS = ("True", "TRUE", "False", "FALSE")
MISSING = (
    "nan",
    "null",
    "none",
    "n/a",
    "na",
    "<na>",
    "#n/a",
    "nat",
)  # as programs write them, in any case
UNLABELLED = ("unsup", "unsupervised", "unlabelled", "unlabeled")  # as IMDB marks documents without a label
SEPARATORS = ",;|"
FEW = 10  # documents or labels; fewer are not judged


@lru_cache(4096)
def spelled(label: str) -> str:
    """The label's name: without white space around it, in composed characters (NFC), 1.0 as 1, True as true.

    Example:
        >>> [spelled(label) for label in (" pos", "1.0", "1.50", "TRUE", "e\\u0301")]
        ['pos', '1', '1.50', 'true', 'é']
    """
    name = unicodedata.normalize("NFC", label.strip())
    if WHOLE.fullmatch(name):
        return str(int(name.partition(".")[0]))
    return name.lower() if name in BOOLEANS else name


class Spellings:
    """Names labels, and counts those that were spelled differently."""

    def __init__(self) -> None:
        self._changed = 0
        self._examples: dict[str, str] = {}

    def name(self, label: str) -> str:
        """The name of the label that a file holds."""
        if (name := spelled(label)) != label and name:
            self._changed += 1
            if len(self._examples) < 3:
                self._examples.setdefault(label, name)
        return name

    def notes(self) -> Iterator[str]:
        """A line about the changed spellings, if there are any."""
        if self._changed:
            examples = ", ".join(f"{_shown(label[:40])} to {name[:40]!r}" for label, name in self._examples.items())
            yield f"labels whose spelling was changed: {self._changed:,} (such as {examples})"


def _shown(label: str) -> str:
    """A label for a message; escaped if it looks like its name."""
    return repr(label) if unicodedata.is_normalized("NFC", label) else ascii(label)


def objection(labels: Sequence[str], documents: int, texts: int) -> str | None:
    """Why the columns cannot be right, or None: several labels a document, ids or scores as labels, a wrong text.

    `documents` and `texts` are the numbers of documents and of different texts; `labels` are the different labels.
    """
    if multi := multi_label(labels):
        return multi
    if documents < FEW:
        return None
    counts = f"{len(labels):,} different labels and {texts:,} different texts in {documents:,} documents"
    if len(labels) >= FEW and len(labels) > texts:
        return f"{counts}: are data.text_column and data.label_column mixed up?"
    if 100 * texts <= documents or texts < FEW <= documents / 10:
        return f"only {texts:,} different texts in {documents:,} documents: is data.text_column the right one?"
    if len(labels) >= FEW and documents < 2 * len(labels):
        kind = "scores" if _are_scores(labels) else "ids, scores or texts"
        fault = "as many different labels as documents" if len(labels) == documents else "too many different labels"
        hint = " data.bins turns numbers into classes" if kind == "scores" else ""
        return (
            f"{fault} ({len(labels):,} in {documents:,}): does data.label_column hold {kind} instead of classes?{hint}"
        )
    return None


def doubts(labels: Sequence[str], documents: int, texts: int) -> Iterator[str]:
    """Notes on what may be a mistake in the columns."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(_alike(label), []).append(label)
    for group in groups.values():
        if len(group) > 1:
            yield f"labels that look alike are different classes: {', '.join(repr(label[:40]) for label in group)}"
    for label in labels:
        if label.casefold() in MISSING:
            yield f"the label {label!r} is a class; only an empty label is missing"
        if label.casefold() in UNLABELLED:
            yield f"the label {label!r} is a class; does it mark documents without a label? Then leave them out"
    if len(labels) > FEW and _are_scores(labels):
        yield (
            f"the {len(labels):,} labels are fractional numbers: are they scores and not classes? data.bins turns them "
            "into classes"
        )
    elif len(labels) >= FEW and documents < 5 * len(labels):
        yield f"only {documents:,} documents for {len(labels):,} labels"
    if documents >= FEW and 10 * texts <= documents:
        yield f"only {texts:,} different texts in {documents:,} documents"


def twin(label: str, others: Sequence[str]) -> str | None:
    """Another label that looks like `label`."""
    return next((other for other in others if other != label and _alike(other) == _alike(label)), None)


def _alike(label: str) -> str:
    """A key that is equal for labels that differ only in case, white space, invisible characters or number format."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", label) if unicodedata.category(c) != "Cf")
    try:
        return str(float(visible))
    except ValueError:
        return " ".join(visible.split()).casefold()


def _are_scores(labels: Sequence[str]) -> bool:
    """Whether all are finite numbers, some with a fraction."""
    try:
        numbers = [float(label) for label in labels]
    except ValueError:
        return False
    return all(map(math.isfinite, numbers)) and not all(number.is_integer() for number in numbers)


def multi_label(labels: Sequence[str]) -> str | None:
    """Why a document seems to have several labels: one is a list like [1, 2], or joins others in varying order.

    'Portland, OR' beside 'Portland, ME' and 'Salem, OR' is a single label: each part always has the same position.
    """
    for separator in [*SEPARATORS, " "]:
        parts_of = {label: _parts(label, separator) for label in labels}
        places: dict[str, Counter[int]] = {}
        for parts in parts_of.values():
            for place, part in enumerate(parts):
                places.setdefault(part, Counter())[place] += 1
        for label, parts in parts_of.items():
            if len(parts) < 2 or (separator == " " and not all(map(str.isdecimal, parts))):
                continue
            a_list = label[0] + label[-1] in ("[]", "{}")
            shared = all(places[part].total() > 1 for part in parts)
            if a_list or (shared and any(len(places[part]) > 1 for part in parts)):
                comma = re.fullmatch(r"-?[0-9]+,[0-9]+", label)
                hint = "; a number takes a decimal point" if comma else ""
                joined = " and ".join(repr(part[:40]) for part in parts[:3]) + (" …" if len(parts) > 3 else "")
                return (
                    f"data.label_column looks multi-label: {label[:80]!r} joins {joined}; allowed: one class "
                    f"per document{hint}"
                )
    return None


def _parts(label: str, separator: str) -> list[str]:
    """The different parts of a label, without brackets and quotes."""
    parts = (part.strip(" '\"") for part in label.strip("[](){} ").split(separator))
    return list(dict.fromkeys(part for part in parts if part))
