"""Names of a cell's gates and states on pages, with their equations (those of models/textbook.py)."""

import re
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Signal:
    """A gate or state that is shown token by token.

    Attributes:
        letter: in the equations
        name: in words
        equations: of the signal, and of what is computed from it
        meaning: what its value means
        signed: whether it can be negative, as states can; a gate is between 0 (closed) and 1 (open)
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
        sorting: the signal by which its h numbers are sorted; `order` describes the order
        memory: the letter of its memory
        sums: the equations that are shown with the numbers of one cell; empty for the plain RNN
    """

    name: str
    idea: str
    source: str
    signals: list[Signal]
    sorting: str
    order: str
    memory: str
    sums: list[str]


CELLS = {
    "rnn": CellDescription(
        "plain RNN",
        "Each step rewrites the whole state. What an early word left there passes through the recurrent weights and "
        "tanh at every step, and so does the gradient on its way back: both shrink step by step. That is the long-term "
        "dependency problem.",
        "Elman, Finding Structure in Time, 1990",
        [
            Signal(
                "h",
                "hidden state",
                ["h_t = tanh(x_t W_x + h_{t−1} W_h + b)"],
                "all that the cell remembers",
                signed=True,
            )
        ],
        "h",
        "from those that are negative in the mean (top) to those that are positive",
        "h",
        [],
    ),
    "lstm": CellDescription(
        "LSTM",
        "Beside the hidden state runs a memory C that no matrix touches on its way from step to step: the forget gate "
        "decides what stays, the input gate what is added, the output gate what is shown. Where the forget gate is "
        "open, the memory and its gradient pass unchanged.",
        "Hochreiter & Schmidhuber 1997; the forget gate: Gers, Schmidhuber & Cummins 2000",
        [
            Signal(
                "f",
                "forget gate",
                ["f_t = σ(x_t W_x^f + h_{t−1} W_h^f + b^f)"],
                "how much of each memory cell stays: colour keeps, blank erases",
            ),
            Signal(
                "i",
                "input gate",
                ["i_t = σ(x_t W_x^i + h_{t−1} W_h^i + b^i)", "g_t = tanh(x_t W_x^g + h_{t−1} W_h^g + b^g)"],
                "how much of the candidate g is written into the memory",
            ),
            Signal(
                "C",
                "memory",
                ["C_t = f_t ⊙ C_{t−1} + i_t ⊙ g_t"],
                "what the cell remembers: an unbroken stripe is kept, a break is erased",
                signed=True,
            ),
            Signal(
                "o",
                "output gate",
                ["o_t = σ(x_t W_x^o + h_{t−1} W_h^o + b^o)", "h_t = o_t ⊙ tanh(C_t)"],
                "how much of the memory is shown to the rest of the model",
            ),
        ],
        "f",
        "from those that forget most (top) to those that keep most (bottom)",
        "C",
        ["C_t = f_t ⊙ C_{t−1} + i_t ⊙ g_t", "h_t = o_t ⊙ tanh(C_t)"],
    ),
    "gru": CellDescription(
        "GRU",
        "The LSTM's simpler sister: the hidden state is the memory, and one update gate does the work of both the "
        "forget gate and the input gate. What it keeps of the old state, it does not take from the new.",
        "Cho et al. 2014; in PyTorch the reset gate stands after the recurrent product, in the paper before it",
        [
            Signal(
                "z",
                "update gate",
                ["z_t = σ(x_t W_x^z + h_{t−1} W_h^z + b^z)"],
                "how much of the old state stays: colour keeps, blank erases",
            ),
            Signal(
                "r",
                "reset gate",
                [
                    "r_t = σ(x_t W_x^r + h_{t−1} W_h^r + b^r)",
                    "n_t = tanh(x_t W_x^n + b^n + r_t ⊙ (h_{t−1} W_h^n + b_h^n))",
                ],
                "how much of the old state the candidate n sees",
            ),
            Signal(
                "h",
                "hidden state",
                ["h_t = z_t ⊙ h_{t−1} + (1 − z_t) ⊙ n_t"],
                "what the cell remembers: an unbroken stripe is kept, a break is erased",
                signed=True,
            ),
        ],
        "z",
        "from those that forget most (top) to those that keep most (bottom)",
        "h",
        ["h_t = z_t ⊙ h_{t−1} + (1 − z_t) ⊙ n_t"],
    ),
}


def equation_html(equation: str) -> Markup:
    """An equation with its subscripts and superscripts.

    >>> equation_html("h_{t−1} W_h^f")
    Markup('h<sub>t−1</sub> W<sub>h</sub><sup>f</sup>')
    """
    html = str(escape(equation))
    for mark, tag in (("_", "sub"), (r"\^", "sup")):
        html = re.sub(mark + r"(?:\{([^}]*)\}|(\w))", rf"<{tag}>\1\2</{tag}>", html)
    return Markup(html)


def shape_of(equation: str) -> str:
    """The shapes of an equation's terms, in its order.

    >>> shape_of("C_t = f_t ⊙ C_{t−1} + i_t ⊙ g_t")
    '(1×h) = (1×h)(1×h) + (1×h)(1×h)'
    """
    if "W_x" not in equation:
        return "(1×h) = (1×h)(1×h)" + (" + (1×h)(1×h)" if " + " in equation else "")
    if "⊙" in equation:
        return "(1×h) = (1×K)(K×h) + (1×h) + (1×h)((1×h)(h×h) + (1×h))"
    return "(1×h) = (1×K)(K×h) + (1×h)(h×h) + (1×h)"
