"""How a model reads one text: plain arrays, for `analysis`, which does not import torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from config.choices import Cell

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """A gate or state that a page shows token by token.

    Attributes:
        letter: its letter in the equations
        name: its name in words
        equations: the equations that compute it and what depends on it
        meaning: what its value says
        signed: whether it lies around 0, as states do; a gate lies between 0 (closed) and 1 (open)
    """

    letter: str
    name: str
    equations: list[str]
    meaning: str
    signed: bool = False


@dataclass(frozen=True)
class CellDescription:
    """A recurrent cell as textbooks describe it.

    Attributes:
        signals: what pages show
        sorting: the signal by which pages sort its h numbers; `order` describes the order
        memory: the letter of what it remembers
        sums: the equations that pages show with one cell's numbers; none if its cells do not remember independently
    """

    name: str
    idea: str
    source: str
    signals: list[Signal]
    sorting: str
    order: str
    memory: str
    sums: list[str]


@dataclass(frozen=True)
class PassageReading:
    """One direction of one layer over a text of T tokens; index t is token t in both directions.

    Attributes:
        layer: from 1
        direction: in which it was read
        values: gates and states by the letters of the equations (models/textbook.py), (T, h) each
        written: what each token wrote into the memory, (T, h); None for a plain RNN, which has no gate that keeps
        left: what is left of that at the end, (T, h); summed over tokens it is the final memory, of each piece if the
            model reads in pieces
        followed: the cell, one of h, whose memory (C of an LSTM, else h) moves the score most: the one with the largest
            product of the memory and the score's gradient there, at any token
        gradients: norm of the score's gradient at each step's state, by its letter (h, and C of an LSTM), (T,) each
    """

    layer: int
    direction: Literal["forward", "backward"]
    values: Mapping[str, Floats]
    written: Floats | None
    left: Floats | None
    followed: int
    gradients: Mapping[str, Floats]


@dataclass(frozen=True)
class Reading:
    """One model's reading of a text of T tokens.

    The score is the log-odds of the class that the model chose, ln p/(1−p): 0 where it is undecided.

    Attributes:
        cell: rnn, gru or lstm
        description: of the cell
        input_sizes: K of each layer's input, from the lowest layer up
        hidden_size: h
        segment: how many tokens are read before the states start anew; None: all of the text
        probabilities: of each class, (classes,)
        prefixes: probabilities after the first 1, 2, …, T tokens, each read as a whole text, (T, classes)
        leave_one_out: the score minus that of the text without the token, (T,)
        gradient_input: inner product of the token's embedding and the score's gradient there, (T,)
        passages: from the lowest layer up, forward first
    """

    cell: Cell
    description: CellDescription
    input_sizes: list[int]
    hidden_size: int
    segment: int | None
    probabilities: Floats
    prefixes: Floats
    leave_one_out: Floats
    gradient_input: Floats
    passages: list[PassageReading]

    @property
    def chosen(self) -> int:
        """The class with the highest probability."""
        return int(self.probabilities.argmax())

    @property
    def bidirectional(self) -> bool:
        """Whether the text was read from both ends."""
        return self.passages[-1].direction == "backward"
