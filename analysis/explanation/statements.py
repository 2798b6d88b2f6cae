"""How models read one text, in plain sentences."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.verdict.phrases import short
from models.inside.reading import Floats, PassageReading, Reading

Number = TypeVar("Number", bound=np.generic)

DECISIVE = 0.05  # change of the probability without a token, below which no token decides
LANDMARKS = 9  # tokens named below an axis
REACH = 0.01  # share of the gradient's largest norm, below which it does not reach a token


@dataclass(frozen=True)
class Explanation:
    """One text as one or several models read it.

    Attributes:
        data: name of the data set that the models learned from
        source: where the text comes from, in words
        classes: names of the labels, two or more
        label: index of the right class, if it is known
        tokens: as the tokenizer cut them, (T,)
        unknown: which of them the vocabulary lacks, (T,); the models read <unk> there
        cut: how many tokens the length limit left out
        readings: of each model, by its name
    """

    data: str
    source: str
    classes: Sequence[str]
    label: int | None
    tokens: Sequence[str]
    unknown: Sequence[bool]
    cut: int
    readings: Mapping[str, Reading]


def headline(explanation: Explanation) -> str:
    """The models' predictions, and the right class if it is known."""
    says = [
        f"{name} classifies this text as {explanation.classes[reading.chosen]}"
        f" (probability {percent(float(reading.probabilities.max()))})"
        for name, reading in explanation.readings.items()
    ]
    right = "" if explanation.label is None else f" The right class is {explanation.classes[explanation.label]}."
    return f"{'; '.join(says)}.{right}"


def statements(explanation: Explanation, name: str) -> list[str]:
    """One model's reading in sentences: words, course, memory, gradient."""
    reading = explanation.readings[name]
    sentences = [_words(explanation, reading), _course(explanation, reading)]
    if reading.cell == "rnn":
        sentences.append("A plain RNN has no gate that keeps memory: each token rewrites the whole state.")
    elif len(explanation.tokens) > 1:
        sentences.append(_memory(explanation, reading))
    sentences.append(_gradient(reading))
    return sentences


def _words(explanation: Explanation, reading: Reading) -> str:
    strongest = int(np.abs(reading.leave_one_out).argmax())
    change = reading.leave_one_out[strongest]
    before = float(reading.probabilities[reading.chosen])
    after = 1 / (1 + (1 / before - 1) * np.exp(change)) if before < 1 else 1.0
    chosen = explanation.classes[reading.chosen]
    way = "falls" if change > 0 else "rises"
    course = f"from {percent(before)} to {percent(after)}"
    if abs(before - after) < DECISIVE:
        where = place(explanation, strongest)
        return f"No single token decides: without {where}, the most important one, {chosen} goes {course}."
    return f"The most important token is {place(explanation, strongest)}: without it {chosen} {way} {course}."


def _course(explanation: Explanation, reading: Reading) -> str:
    last = settled(reading)
    length = len(explanation.tokens)
    if last == 0:
        return "The predicted class is the same from the first token on."
    return f"The predicted class changes for the last time at {place(explanation, last)} of {length}."


def _memory(explanation: Explanation, reading: Reading) -> str:
    parts = []
    for passage in _last_layer(reading):
        assert passage.left is not None
        mean, best = kept_of_first_half(passage, reading.segment)
        half = "its reading is left at the end" if reading.segment is None else "each piece is left at the piece's end"
        most = place(explanation, int(size(passage.left).argmax()))
        parts.append(
            f"{percent(mean)} of what the {passage.direction} direction writes in the first half of {half}, and "
            f"{percent(best)} in the cell that keeps most. The token of which most is left is {most}."
        )
    return " ".join(parts)


def _gradient(reading: Reading) -> str:
    parts = []
    for passage in _last_layer(reading):
        letter = "C" if "C" in passage.gradients else "h"
        what = "memory" if letter == "C" else "state"
        back = reach(in_reading_order(passage, passage.gradients[letter]))
        far = "all the way" if back == len(reading.prefixes) - 1 else f"{back} tokens"
        parts.append(f"{far} back in the {passage.direction} {what}")
    return f"The gradient norm is at least {percent(REACH)} of its largest value {' and '.join(parts)}."


def _last_layer(reading: Reading) -> list[PassageReading]:
    return [passage for passage in reading.passages if passage.layer == reading.passages[-1].layer]


def settled(reading: Reading) -> int:
    """The first token after which every prefix gives the final class."""
    other = np.flatnonzero(reading.prefixes.argmax(axis=1) != reading.chosen)
    return min(int(other[-1]) + 1, len(reading.prefixes) - 1) if len(other) else 0


def kept_of_first_half(passage: PassageReading, segment: int | None) -> tuple[float, float]:
    """The share of what the first half of a reading wrote that is left at the end: in all cells, and in the best one.

    With a `segment`, the first half is that of each piece, and the end is the piece's end.
    """
    assert passage.written is not None
    assert passage.left is not None
    length = len(passage.written)
    pieces = [np.arange(length)[start : start + (segment or length)] for start in range(0, length, segment or length)]
    halves = [in_reading_order(passage, piece)[: (len(piece) + 1) // 2] for piece in pieces]
    first = np.concatenate(halves)
    written, left = (np.abs(values[first]).sum(axis=0) for values in (passage.written, passage.left))  # (h,) each
    return float(left.sum() / written.sum()), float((left / written).max())


def size(values: Floats) -> Floats:
    """The mean size of h numbers for each token: (T, h) becomes (T,)."""
    return np.asarray(np.abs(values).mean(axis=1))


def in_reading_order(passage: PassageReading, values: NDArray[Number]) -> NDArray[Number]:
    """`values` (T, …) of tokens in the order in which the passage read them."""
    return values if passage.direction == "forward" else values[::-1]


def reach(norms: Floats) -> int:
    """How many steps before the end of a reading (T,) the gradient still has REACH of its largest norm."""
    return int(len(norms) - 1 - np.flatnonzero(norms >= REACH * norms.max())[0])


def agreement(reading: Reading) -> float | None:
    """Spearman's rank correlation of the two measures of words; None where it is undefined."""
    pair = (reading.leave_one_out, reading.gradient_input)
    if len(pair[0]) < 3 or any(np.ptp(values) == 0 for values in pair):
        return None
    return float(stats.spearmanr(*pair).statistic)


def landmarks(tokens: Sequence[str], importance: Floats) -> list[int]:
    """The most important tokens whose names fit below an axis, by position."""
    chosen: list[int] = []
    for candidate in np.argsort(-importance, kind="stable"):
        if len(chosen) == LANDMARKS:
            break
        room = [
            abs(candidate - other) / len(tokens) >= 0.5 * (_width(tokens[candidate]) + _width(tokens[other]))
            for other in chosen
        ]
        if all(room):
            chosen.append(int(candidate))
    return sorted(chosen)


def _width(token: str) -> float:
    """The share of a narrow axis that a token's name takes; East Asian letters are twice as wide."""
    shown = short(token)
    return 0.02 * (1.5 + sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in shown))


def place(explanation: Explanation, token: int) -> str:
    """A token in a sentence."""
    return f"“{short(explanation.tokens[token], 24)}” (token {token + 1})"


def percent(share: float) -> str:
    """A share in a sentence; only exact values are shown as 100 or 0 %.

    >>> percent(0.9996), percent(0.371), percent(0.0043), percent(0.00001)
    ('99.9 %', '37 %', '0.4 %', 'less than 0.1 %')
    """
    if 0.99 <= share < 1:
        return f"{min(100 * share, 99.9):.1f} %"
    if 0 < share < 0.01:
        return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
    return f"{100 * share:.0f} %"
