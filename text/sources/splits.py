"""Assigns documents to splits: official splits stay; a missing validation split is taken from the training documents.

A split made here is stratified by class, keeps documents with equal texts together, leaves every class at least one
text for training, and depends only on texts, labels and seed. `deduplicated` drops documents whose text is also in
another split. `without_held_out` drops unlabelled documents whose text is in the validation or test split.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core import folds
from core.errors import DataError
from text.sources.bins import number_of
from text.sources.corpus import ALL, Split
from text.sources.labels import twin

GROUPS_AT_A_TIME = 100_000
WORDS_OF_A_TEXT = 5  # a label of more words is a text
Rows = NDArray[np.bool_]


def plan(splits: Mapping[str, Split], validation_share: float, test_share: float) -> dict[str, tuple[Split, Rows]]:
    """For each final split the split it is taken from, and the rows taken.

    Raises:
        DataError: there are no documents for a split, or too few for a share.
    """
    for name, split in splits.items():
        if not len(split.keys) and (split.missing or name == ALL):
            where = "" if name == ALL else f" of the {name} split"
            raise DataError(f"none of {split.missing} rows{where} has both a text and a label")
    result = {name: (split, (split.labels >= 0) | (not split.labelled)) for name, split in splits.items()}
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


def fold_plan(splits: Mapping[str, Split], number: int) -> dict[str, tuple[Split, Rows]]:
    """The documents in `number` folds of equal size, stratified; equal texts are in the same fold.

    Raises:
        DataError: the data set has splits of its own, or a class has too few texts.
    """
    if set(splits) != {ALL}:
        raise DataError(
            f"data.folds is {number}, but the data set has the splits {', '.join(splits)}; allowed: null, or data "
            "without splits"
        )
    source = splits[ALL]
    rest = np.ones(len(source.keys), dtype=bool)
    parts = {}
    for position, name in enumerate(folds.names(number)):
        chosen = split_off(source, rest, 1 / (number - position), "data.folds") if position < number - 1 else rest
        parts[name] = (source, chosen)
        rest = rest & ~chosen
    return parts


def check_folds(parts: Mapping[str, tuple[Split, Rows]], labels: Sequence[str]) -> None:
    """Checks that every class has documents to learn from, whichever two folds are left out.

    Raises:
        DataError: names a class that has texts in too few folds.
    """
    counts = np.array([np.bincount(source.labels[rows], minlength=len(labels)) for source, rows in parts.values()])
    if len(labels) < 2:
        raise DataError(f"the documents have only one class ({labels[0][:80]}); at least two are needed")
    in_folds = (counts > 0).sum(axis=0)
    if in_folds.min() < folds.FEWEST:
        label = labels[int(in_folds.argmin())]
        raise DataError(
            f"the class {label[:80]!r} has texts in {in_folds.min()} of {len(parts)} folds; allowed: {folds.FEWEST} or "
            "more, so that every training learns it; leave the class out or set data.folds to null"
        )


def split_off(source: Split, rows: Rows, share: float, key: str) -> Rows:
    """A `share` of the `rows`; `key` is the name of the parameter for an error."""
    chosen = np.zeros(len(rows), dtype=bool)
    chosen[rows] = stratified(source.keys[rows], source.labels[rows], share)
    if not chosen.any():
        texts, classes = (len(np.unique(values[rows])) for values in (source.keys, source.labels))
        raise DataError(
            f"{key} is {share}, but no text of {rows.sum()} documents can be spared: each class keeps one, and "
            f"there are {texts} different texts in {classes} classes"
        )
    return chosen


def stratified(keys: NDArray[np.uint64], labels: NDArray[np.int32], share: float) -> Rows:
    """Which documents to choose for a stratified `share`: for each key, all of its documents or none.

    Keys are random numbers, so their order is random. Each class contributes its share, rounded so that the total is
    right. It contributes less if a repeated text does not fit, or if no text of the class would be left.
    """
    _, group_of, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    sorted_labels = labels[np.argsort(group_of, kind="stable")]
    classes = int(labels.max(initial=0)) + 1
    texts_of_class = np.unique(group_of * classes + labels) % classes
    texts_left = np.bincount(texts_of_class, minlength=classes).tolist()
    places = _apportion(np.bincount(labels, minlength=classes) * np.float64(share)).tolist()

    open_places = sum(places)
    chosen = np.zeros(len(sizes), dtype=bool)
    for number, members in enumerate(_groups(sorted_labels, sizes)):
        group = Counter(members)
        if all(count <= places[label] and texts_left[label] > 1 for label, count in group.items()):
            chosen[number] = True
            for label, count in group.items():
                places[label] -= count
                texts_left[label] -= 1
            if (open_places := open_places - len(members)) == 0:
                break
    return chosen[group_of]


def _groups(sorted_labels: NDArray[np.int32], sizes: NDArray[np.int64]) -> Iterator[list[int]]:
    """The labels of each group of equal texts; a part of them at a time becomes a list, which takes much memory."""
    ends = np.cumsum(sizes)
    for first in range(0, len(sizes), GROUPS_AT_A_TIME):
        bounds = [int(ends[first - 1]) if first else 0, *ends[first : first + GROUPS_AT_A_TIME].tolist()]
        part = sorted_labels[bounds[0] : bounds[-1]].tolist()
        yield from (part[start - bounds[0] : end - bounds[0]] for start, end in pairwise(bounds))


def deduplicated(
    parts: Mapping[str, tuple[Split, Rows]], mode: Literal["test", "all"]
) -> tuple[dict[str, tuple[Split, Rows]], dict[str, int]]:
    """The parts without documents whose text is in the test split, and the number of dropped documents of each part.

    The mode `all` also drops documents whose text occurs earlier in the same split, or in an earlier one of the splits
    test, validation, train, unlabelled.
    """
    taken = np.array([], dtype=np.uint64)
    result, dropped = {}, {}
    order = ("test", "validation", "train", "unlabelled")
    for name in sorted(parts, key=lambda name: order.index(name) if name in order else 0):
        source, rows = parts[name]
        remaining = rows & ~np.isin(source.keys, taken)
        if mode == "all":
            places = np.flatnonzero(remaining)
            _, first = np.unique(source.keys[places], return_index=True)
            remaining = np.zeros(len(rows), dtype=bool)
            remaining[places[first]] = True
        if name == "test" or mode == "all":
            taken = np.union1d(taken, source.keys[remaining])
        result[name] = (source, remaining)
        if count := int(rows.sum() - remaining.sum()):
            dropped[name] = count
    return {name: result[name] for name in parts}, dropped


def without_held_out(parts: Mapping[str, tuple[Split, Rows]]) -> tuple[dict[str, tuple[Split, Rows]], int]:
    """The parts without unlabelled documents whose text is in the validation or test split, and their number.

    This does not depend on `data.deduplicate`, because trainings may learn from unlabelled documents.
    """
    if "unlabelled" not in parts:
        return dict(parts), 0
    held_out = np.concatenate([parts[name][0].keys[parts[name][1]] for name in ("validation", "test")])
    source, rows = parts["unlabelled"]
    remaining = rows & ~np.isin(source.keys, held_out)
    return {**parts, "unlabelled": (source, remaining)}, int(rows.sum() - remaining.sum())


def _apportion(exact: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers with the rounded sum of the `exact` ones; the largest remainders are rounded up."""
    numbers = np.floor(exact).astype(np.int64)
    rest = round(float(exact.sum())) - int(numbers.sum())
    numbers[np.argsort(numbers - exact, kind="stable")[:rest]] += 1
    return numbers


def check(parts: Mapping[str, tuple[Split, Rows]], labels: Sequence[str]) -> None:
    """Checks that a classifier can be trained and tested on these parts.

    Raises:
        DataError: the training documents have fewer than two classes, or lack one that another split has.
    """
    for name, (_, rows) in parts.items():
        if not rows.any():
            raise DataError(f"the {name} split has no documents")
    present = {name: np.unique(source.labels[rows]) for name, (source, rows) in parts.items() if source.labelled}
    if len(present["train"]) < 2:
        only = ", ".join(labels[index] for index in present["train"]) or "none"
        raise DataError(f"the training documents have only one class ({only[:80]}); at least two are needed")
    for name, indices in present.items():
        if len(lacking := np.setdiff1d(indices, present["train"])):
            label = labels[lacking[0]]
            alike = twin(label, [labels[index] for index in present["train"]])
            hint = f" (did you mean {alike[:80]!r}, which some have?)" if alike else ""
            if not alike and number_of(label) is not None:
                hint = " (data.bins can leave out numbers)"
            if not alike and len(label.split()) > WORDS_OF_A_TEXT:
                hint = " (a text: are the columns of this split in another order?)"
            raise DataError(
                f"the {name} split has the class {label[:80]!r}, which no training document has{hint}; "
                "every class must occur in the training split"
            )
