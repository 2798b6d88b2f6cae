"""Leaves out and counts documents of classes that are in the test or validation split only, unless they look wrong.

Sentiment140, for example, has neutral tweets in its test split only; no model can learn that class. It stays an error
(splits.check) if such a label looks like a misspelled one, is a text, or if such labels make up most of the split.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from text.sources.corpus import Split
from text.sources.labels import twin
from text.sources.splits import WORDS_OF_A_TEXT

SPLITS = ("validation", "test")
MOST = 0.5  # share of a split's documents


def unseen(splits: Mapping[str, Split], names: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each split the numbers of documents of classes that no training document has; `names` are all labels."""
    if "train" not in splits:
        return {}
    present = np.bincount(splits["train"].labels, minlength=len(names)) > 0
    learned = [name for name, is_there in zip(names, present, strict=True) if is_there]
    result: dict[str, dict[str, int]] = {}
    for split in (name for name in SPLITS if name in splits):
        counts = np.bincount(splits[split].labels, minlength=len(names))
        if counts[~present].sum() > MOST * counts.sum():
            return {}
        for name, count, is_there in zip(names, counts.tolist(), present, strict=True):
            if not count or is_there:
                continue
            if twin(name, learned) or len(name.split()) > WORDS_OF_A_TEXT:
                return {}
            result.setdefault(split, {})[name] = count
    return result


def notes(counts: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """A line about each split."""
    for split, by_label in counts.items():
        labels = ", ".join(f"{label[:80]!r}: {count:,}" for label, count in by_label.items())
        yield f"documents of the {split} split dropped because no training document has their class: {labels}"
