"""Labels that are numbers become the classes of `data.bins`; documents in no bin are dropped and counted."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from config.bins import Bin
from core.errors import DataError

# 4, 4.5, 4,5; 4/5; 4 stars; 4 out of 5 stars; a row of stars, perhaps with empty ones. Not 1,000: its comma may
# separate thousands.
RATING = re.compile(
    r"(-?\d+(?:\.\d+|,(?!\d{3}(?!\d))\d+)?)(?:\s*/\s*\d+|\s*out of\s*\d+)?(?:\s*(?:stars?|points?|★|\*))?",
    re.IGNORECASE,
)
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
        self._dropped: Counter[str] = Counter()

    def name(self, label: str, where: str) -> str | None:
        """The bin that holds the label; None if none does.

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
            self._dropped[label] += 1
        return name

    def notes(self) -> Iterator[str]:
        """A line about the documents that were dropped."""
        if self._dropped:
            labels = ", ".join(f"{label}: {count:,}" for label, count in self._dropped.most_common(5))
            count = f"{self._dropped.total():,} ({labels})"
            yield f"documents dropped because their label is in no bin of data.bins: {count}"
