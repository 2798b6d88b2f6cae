"""temporal_order and first_token: sequences of symbols whose class is decided far from their end.

temporal_order is experiment 6 of S. Hochreiter and J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8),
1997, section 5.6: symbols X and Y stand at two places (task 6a) or three (6b) among distractors, and the class is which
of them stand there in which order. first_token is its simplest case: the class is the first symbol.

Labels are balanced and no sequence occurs twice, within a split or across. Limits: config/data.py.
"""

from collections.abc import Callable
from itertools import product
from random import Random
from typing import Any

import pyarrow as pa

from config.choices import TemporalOrderTask
from core.errors import ParamsError

Row = dict[str, Any]

START, TRIGGER = "E", "B"
DISTRACTORS = ("a", "b", "c", "d")
RELEVANT = ("X", "Y")

# Places of the relevant symbols in the paper's sequences of 100 to 110 symbols, both ends included; START stands at 0.
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
        seed: of everything that is drawn.
        task: 6a (two relevant symbols, 4 classes) or 6b (three, 8 classes).
        length: symbols of the shortest sequences, the paper's 100; the longest and all places grow with it.
        train_rows: sequences of a split; validation_rows and test_rows likewise. More training rows leave the other
            splits as they are, and the training rows that there were.

    Returns:
        "train", "validation" and "test", each with id, text, label (index into CLASSES[task]), position_1, position_2
        (and position_3) of the relevant symbols, counted from 0, and distance: from the first of them to the end.

    Raises:
        ParamsError: so short sequences are not that many different ones.
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
    """All splits of sequences of X or Y and then `distractors` symbols that tell nothing; else as `temporal_order`.

    Returns:
        "train", "validation" and "test", each with id, text, label (index into RELEVANT).

    Raises:
        ParamsError: so short sequences are not that many different ones.
    """

    def sequence(random: Random, label: int) -> Row:
        return {"text": " ".join([RELEVANT[label], *_distractors(random, distractors)]), "label": label}

    different = len(DISTRACTORS) ** distractors
    rows = {"train": train_rows, "validation": validation_rows, "test": test_rows}
    key = f"data.first_token.distractors is {distractors}"
    return _splits(seed, rows, len(RELEVANT), different, key, [], sequence)


def scaled(place: int, length: int) -> int:
    """A place or length of the paper's sequences in those whose shortest have `length` symbols, rounded.

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
    """Draws `sequence`s, the classes in turn; `different` of one class must leave room for those that are wanted."""
    wanted = sum(-(-number // classes) for number in rows.values())
    if wanted * 2 > different:  # so that another one is found soon
        raise ParamsError(
            f"{key}, which gives only {different:,} different sequences of a class; "
            f"for {wanted:,} of them, {2 * wanted:,} are needed: make it longer, or ask for fewer rows"
        )
    schema = pa.schema(
        [("id", pa.string()), ("text", pa.string()), ("label", pa.int32()), *((name, pa.int32()) for name in columns)]
    )
    seen: set[str] = set()
    tables = {}
    for number, split in enumerate(("test", "validation", "train")):  # last the one that may grow
        random = Random(seed * len(rows) + number)
        found = []
        for index in range(rows[split]):
            row = sequence(random, index % classes)
            while row["text"] in seen:
                row = sequence(random, index % classes)
            seen.add(row["text"])
            found.append({"id": f"{split}-{index + 1:06d}", **row})
        tables[split] = pa.Table.from_pylist(found, schema=schema)
    return {split: tables[split] for split in rows}


def _distractors(random: Random, number: int) -> list[str]:
    return [DISTRACTORS[_below(random, len(DISTRACTORS))] for _ in range(number)]


def _between(random: Random, low: int, high: int) -> int:
    return low + _below(random, high - low + 1)


def _below(random: Random, limit: int) -> int:
    # random() is the one method whose sequence Python promises to keep from version to version.
    return int(random.random() * limit)
