"""The most confused pairs of classes, for data with too many classes to show all."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.number[Any]]


class Pair(NamedTuple):
    """Documents of the class `actual` that were classified as `predicted`, both by index."""

    actual: int
    predicted: int


def most_confused(counts: Counts, number: int) -> list[Pair]:
    """The `number` pairs with the most documents, most first; fewer if fewer pairs are confused at all.

    Args:
        counts: documents by true class (row) and predicted class (column), (classes, classes)

    >>> most_confused(np.array([[9, 1, 0], [0, 8, 2], [0, 0, 5]]), 9)
    [Pair(actual=1, predicted=2), Pair(actual=0, predicted=1)]
    """
    wrong = counts.astype(np.float64)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:number]
    pairs = [Pair(*map(int, divmod(int(flat), len(counts)))) for flat in order]
    return [pair for pair in pairs if wrong[pair] > 0]


def classes_to_show(counts: Counts, number: int) -> list[int]:
    """All classes, or the `number` of them that are in the most confused pairs; the classes of a pair are neighbours.

    >>> classes_to_show(np.array([[9, 1, 0], [0, 8, 2], [0, 0, 5]]), 2)
    [1, 2]
    """
    if len(counts) <= number:
        return list(range(len(counts)))
    shown: list[int] = []
    for pair in most_confused(counts, counts.size):
        new = [index for index in pair if index not in shown]
        if len(shown) + len(new) <= number:
            shown += new
    largest = np.argsort(-counts.sum(axis=1), kind="stable").tolist()
    shown += [index for index in largest if index not in shown][: number - len(shown)]
    return shown
