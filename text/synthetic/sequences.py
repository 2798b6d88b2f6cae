"""temporal_order and first_token: sequences of symbols whose class depends on symbols far from the end.

temporal_order is experiment 6 of S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8),
1997, section 5.6: symbols X and Y stand at two places (task 6a) or three (6b) among distractors, and their order is the
class. first_token is the simplest case: the first symbol is the class.

Labels are balanced and no sequence occurs twice, within a split or across. Limits: config/data.py.
"""

from collections.abc import Callable
from itertools import product
from random import Random
from typing import Any

import pyarrow as pa

from config.choices import TemporalOrderTask
from core.errors import ParamsError
from text.synthetic.draws import below

Row = dict[str, Any]

START, TRIGGER = "E", "B"
DISTRACTORS = ("a", "b", "c", "d")
RELEVANT = ("X", "Y")

# Positions of the relevant symbols in the paper's sequences of 100 to 110 symbols, ends included; START is at 0.
PLACES: dict[TemporalOrderTask, tuple[tuple[int, int], ...]] = {
    "6a": ((10, 20), (50, 60)),
    "6b": ((10, 20), (33, 43), (66, 76)),
}
PAPER_LENGTH, PAPER_LONGEST = 100, 110

# The class of each order of relevant symbols: XX is Q, XY is R, …; XXX is Q, XXY is R, …
CLASSES: dict[TemporalOrderTask, tuple[str, ...]] = {
    "6a": ("Q", "R", "S", "U"),
    "6b": ("Q", "R", "S", "U", "V", "A", "B", "C"),
}


def temporal_order(
    *, seed: int, task: TemporalOrderTask, length: int, train_rows: int, validation_rows: int, test_rows: int
) -> dict[str, pa.Table]:
    """All splits of task 6a or 6b; the same arguments give the same rows on any machine.

    Args:
        seed: the seed of all random numbers.
        task: 6a (two relevant symbols, 4 classes) or 6b (three, 8 classes).
        length: the length of the shortest sequences (100 in the paper); the longest and all positions scale with it.
        train_rows, validation_rows, test_rows: the number of sequences in each split. More training rows do not affect
            the other splits or the earlier training rows.

    Returns:
        "train", "validation" and "test", each with id, text, label (index into CLASSES[task]), position_1, position_2
        (and position_3) of the relevant symbols, counted from 0, and distance from the first of them to the end.

    Raises:
        ParamsError: there are not enough different sequences of this length.
    """
    places = [(scaled(low, length), scaled(high, length)) for low, high in PLACES[task]]
    longest = scaled(PAPER_LONGEST, length)
    orders = list(product(RELEVANT, repeat=len(places)))

    def sequence(random: Random, label: int) -> Row:
        symbols = _distractors(random, _between(random, length, longest) - 2)
        symbols = [START, *symbols, TRIGGER]
        positions = [_between(random, low, high) for low, high in places]
        for position, symbol in zip(positions, orders[label], strict=True):
            symbols[position] = symbol
        named = {f"position_{number}": position for number, position in enumerate(positions, start=1)}
        return {"text": " ".join(symbols), "label": label, **named, "distance": len(symbols) - 1 - positions[0]}

    different = len(DISTRACTORS) ** (length - 2 - len(places))  # of one class, at least
    rows = {"train": train_rows, "validation": validation_rows, "test": test_rows}
    columns = [f"position_{number}" for number in range(1, len(places) + 1)] + ["distance"]
    key = f"data.temporal_order.length is {length}"
    return _splits(seed, rows, len(orders), different, key, columns, sequence)


def first_token(
    *, seed: int, distractors: int, train_rows: int, validation_rows: int, test_rows: int
) -> dict[str, pa.Table]:
    """All splits of sequences of X or Y and then `distractors` random symbols; else as `temporal_order`.

    Returns:
        "train", "validation" and "test", each with id, text, label (index into RELEVANT).

    Raises:
        ParamsError: there are not enough different sequences of this length.
    """

    def sequence(random: Random, label: int) -> Row:
        return {"text": " ".join([RELEVANT[label], *_distractors(random, distractors)]), "label": label}

    different = len(DISTRACTORS) ** distractors
    rows = {"train": train_rows, "validation": validation_rows, "test": test_rows}
    key = f"data.first_token.distractors is {distractors}"
    return _splits(seed, rows, len(RELEVANT), different, key, [], sequence)


def scaled(place: int, length: int) -> int:
    """A position or length in the paper's sequences, scaled to sequences of at least `length` symbols and rounded.

    Example:
        >>> [scaled(10, length) for length in (10, 100, 250)]
        [1, 10, 25]
    """
    return (2 * place * length + PAPER_LENGTH) // (2 * PAPER_LENGTH)


def _splits(
    seed: int,
    rows: dict[str, int],
    classes: int,
    different: int,
    key: str,
    columns: list[str],
    sequence: Callable[[Random, int], Row],
) -> dict[str, pa.Table]:
    """Draws sequences, the classes in turn; there are `different` ones of each class."""
    needed = sum(-(-number // classes) for number in rows.values())
    if needed * 2 > different:  # with half of them free, a new one is soon found
        raise ParamsError(
            f"{key}, which gives only {different:,} different sequences per class; "
            f"{needed:,} rows per class need {2 * needed:,}; allowed: longer sequences, or fewer rows"
        )
    schema = pa.schema(
        [("id", pa.string()), ("text", pa.string()), ("label", pa.int32()), *((name, pa.int32()) for name in columns)]
    )
    seen: set[str] = set()
    by_split = {}
    for number, split in enumerate(("test", "validation", "train")):  # train last, since it may grow
        random = Random(seed * len(rows) + number)
        table = []
        for index in range(rows[split]):
            row = sequence(random, index % classes)
            while row["text"] in seen:
                row = sequence(random, index % classes)
            seen.add(row["text"])
            table.append({"id": f"{split}-{index + 1:06d}", **row})
        by_split[split] = pa.Table.from_pylist(table, schema=schema)
    return {split: by_split[split] for split in rows}


def _distractors(random: Random, number: int) -> list[str]:
    return [DISTRACTORS[below(random, len(DISTRACTORS))] for _ in range(number)]


def _between(random: Random, low: int, high: int) -> int:
    return low + below(random, high - low + 1)
