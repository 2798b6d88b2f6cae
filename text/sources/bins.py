"""Labels that are numbers become the classes of `data.bins`; documents in no bin are dropped and counted."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from config.bins import Bin
from core.errors import DataError
from text.sources.corpus import ALL

# 4, 4.5, 4,5; 4/5; 4 stars; 4 out of 5 stars; a row of stars, perhaps with empty ones. Not 1,000: its comma may
# separate thousands.
RATING = re.compile(
    r"(-?\d+(?:\.\d+|,(?!\d{3}(?!\d))\d+)?)(?:\s*/\s*\d+|\s*out of\s*\d+)?(?:\s*(?:stars?|points?|★|\*))?",
    re.IGNORECASE,
)
SHOWN = 5  # labels in a message
STARS = re.compile(r"([★⭐*]+)[☆\ufe0f\s]*")


def number_of(label: str) -> float | None:
    """The number that a label stands for; None if it stands for none.

    Example:
        >>> [number_of(label) for label in ("4", "3,5", "4 out of 5 stars", "2/5", "★★★☆☆", "good", "1,000")]
        [4.0, 3.5, 4.0, 2.0, 3.0, None, None]
    """
    text = label.strip()
    if stars := STARS.fullmatch(text):
        return float(len(stars[1]))
    match = RATING.fullmatch(text)
    return float(match[1].replace(",", ".")) if match else None


class Binned:
    """Turns labels into the names of bins, and counts those that are in none."""

    def __init__(self, bins: Mapping[str, Bin]) -> None:
        self._bins = bins
        self._dropped: dict[str, Counter[str]] = {}  # labels by split
        self._kept: set[str] = set()  # splits with documents

    def name(self, label: str, split: str, where: str) -> str | None:
        """The bin that holds the label of a document of `split`; None if none does.

        Raises:
            DataError: the label is no number.
        """
        number = number_of(label)
        if number is None:
            raise DataError(
                f"data.bins is set, but the label is {label[:40]!r} in {where}; allowed: numbers, also such as '4/5', "
                "'4 stars' or '★★★★'"
            )
        name = next((name for name, (low, high) in self._bins.items() if low <= number <= high), None)
        if name is None:
            self._dropped.setdefault(split, Counter())[label] += 1
        else:
            self._kept.add(split)
        return name

    def notes(self) -> Iterator[str]:
        """A line about the documents that were dropped.

        Raises:
            DataError: a split has no others.
        """
        for split, labels in self._dropped.items():
            if split not in self._kept:
                of_split = "the" if split == ALL else f"the {split} split's"
                raise DataError(
                    f"data.bins has no bin for any of {of_split} documents, whose labels are {_counts(labels)}; "
                    "allowed: bins that hold some of them"
                )
        if self._dropped:
            dropped = sum(self._dropped.values(), Counter[str]())
            count = f"{dropped.total():,} ({_counts(dropped)})"
            yield f"documents dropped because their label is in no bin of data.bins: {count}"


def _counts(labels: Counter[str]) -> str:
    more = ", …" if len(labels) > SHOWN else ""
    return ", ".join(f"{label}: {count:,}" for label, count in labels.most_common(SHOWN)) + more
