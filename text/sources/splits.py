"""Which document goes where: official splits stay; a validation split that is missing is taken from the training split.

A split that is made here is stratified by class, takes no two documents of one text apart, leaves every class at least
one text behind, and depends on nothing but texts, labels and seed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from text.sources.corpus import Split
from text.sources.labels import twin

ALL = "all"  # the split of documents that came without one
Rows = NDArray[np.bool_]


def plan(splits: Mapping[str, Split], validation_share: float, test_share: float) -> dict[str, tuple[Split, Rows]]:
    """For each final split the split it is taken from, and which rows of that.

    Raises:
        DataError: there are no documents for a split, or too few for a share.
    """
    for name, split in splits.items():
        if not len(split.keys) and (split.missing or name == ALL):
            where = "" if name == ALL else f" of the {name} split"
            raise DataError(f"none of {split.missing} rows{where} has both a text and a label")
    result = {name: (split, np.ones(len(split.keys), dtype=bool)) for name, split in splits.items()}
    if ALL in result:
        source, rows = result.pop(ALL)
        test = split_off(source, rows, test_share, "data.test_share")
        result |= {"train": (source, rows & ~test), "test": (source, test)}
    if lacking := {"train", "test"} - result.keys():
        raise DataError(f"the {sorted(lacking)[-1]} split has no documents")
    if "validation" not in result:
        source, rows = result["train"]
        validation = split_off(source, rows, validation_share, "data.validation_share")
        result |= {"train": (source, rows & ~validation), "validation": (source, validation)}
    return {name: result[name] for name in ("train", "validation", "test", "unlabelled") if name in result}


def split_off(source: Split, rows: Rows, share: float, key: str) -> Rows:
    """The part of `rows` that is a `share` of them; `key` is the parameter's name for the error."""
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[rows] = stratified(source.keys[rows], source.labels[rows], share)
    if not chosen.any():
        texts, classes = (len(np.unique(values[rows])) for values in (source.keys, source.labels))
        raise DataError(
            f"{key} is {share}, for which no text of {rows.sum()} documents can be spared; each class keeps one, and "
            f"there are {texts} different texts in {classes} classes"
        )
    return chosen


def stratified(keys: NDArray[np.uint64], labels: NDArray[np.int32], share: float) -> Rows:
    """Which of the documents belong to the `share`, all of one key or none; the keys' order is the random order.

    Each class gives its share, rounded so that the total is right; less where a text that stands there many times does
    not fit in, or where the class would be left without a text.
    """
    _, group_of, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    sorted_labels = labels[np.argsort(group_of, kind="stable")].tolist()
    classes = int(labels.max(initial=0)) + 1
    texts_of_class = np.unique(group_of * classes + labels) % classes
    texts_left = np.bincount(texts_of_class, minlength=classes).tolist()
    wanted = _apportion(np.bincount(labels, minlength=classes) * np.float64(share)).tolist()

    open_places = sum(wanted)
    chosen = np.zeros(len(sizes), dtype=bool)
    for number, (start, end) in enumerate(pairwise([0, *np.cumsum(sizes).tolist()])):
        group = Counter(sorted_labels[start:end])
        if all(count <= wanted[label] and texts_left[label] > 1 for label, count in group.items()):
            chosen[number] = True
            for label, count in group.items():
                wanted[label] -= count
                texts_left[label] -= 1
            if (open_places := open_places - end + start) == 0:
                break
    return chosen[group_of]


def _apportion(exact: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers that add up to the rounded sum; the largest remainders are rounded up."""
    wanted = np.floor(exact).astype(np.int64)
    rest = round(float(exact.sum())) - int(wanted.sum())
    wanted[np.argsort(wanted - exact, kind="stable")[:rest]] += 1
    return wanted


def check(parts: Mapping[str, tuple[Split, Rows]], labels: Sequence[str]) -> None:
    """Whether a classifier can be trained and tested on these.

    Raises:
        DataError: the training documents have fewer than two classes, or lack one that another split has.
    """
    for name, (_, rows) in parts.items():
        if not rows.any():
            raise DataError(f"the {name} split has no documents")
    present = {name: np.unique(source.labels[rows]) for name, (source, rows) in parts.items() if source.labelled}
    if len(present["train"]) < 2:
        found = ", ".join(labels[index] for index in present["train"]) or "none"
        raise DataError(f"the training documents have only one class ({found[:80]}); at least two are needed")
    for name, indices in present.items():
        if len(lacking := np.setdiff1d(indices, present["train"])):
            label = labels[lacking[0]]
            alike = twin(label, [labels[index] for index in present["train"]])
            hint = f" (is {alike[:80]!r} meant, which some have?)" if alike else ""
            raise DataError(
                f"the {name} split has the class {label[:80]!r}, which no training document has{hint}; "
                "every class must stand in the training split"
            )
