"""The recurrent cells as the textbook writes them, one line an equation: the specification of this project.

A cell computes h_t and C_t from the input x_t (1×K) and what it remembers: the hidden state h_{t-1} (1×h) and, in an
LSTM, the memory C_{t-1} (1×h). Each gate has weights W_x (K×h) and W_h (h×h) and a bias b (1×h). The logistic function
σ keeps a gate between 0 (closed) and 1 (open); ⊙, written *, multiplies element by element.

tests/models/test_textbook.py checks PyTorch's kernels and `RecurrentEncoder`, which trains, against these lines. They
are slow, and show what kernels hide: every gate at every step, with gradients.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn, sigmoid, tanh

from config.choices import Cell
from models.encoder import RecurrentEncoder
from models.inside.reading import CellDescription, Signal

Direction = Literal["forward", "backward"]
Step = dict[str, Tensor]  # the gates and states of one step by the letters of the equations, each (1, h)


class Gate(NamedTuple):
    """The weights of one gate.

    PyTorch has two bias vectors where the textbook has one: b is their sum. Only the GRU's candidate needs the second
    one by itself, for there the reset gate stands between the two.
    """

    W_x: Tensor  # (K, h)
    W_h: Tensor  # (h, h)
    b: Tensor  # (1, h)
    b_h: Tensor  # (1, h), of the recurrent product alone


Gates = dict[str, Gate]


def rnn_step(x: Tensor, before: Step, gates: Gates) -> Step:
    """The plain cell (Elman, Finding Structure in Time, Cognitive Science 14, 1990): each step rewrites the state."""
    h, H = before["h"], gates["h"]
    h = tanh(x @ H.W_x + h @ H.W_h + H.b)  # (1×h) = (1×K)(K×h) + (1×h)(h×h) + (1×h)
    return {"h": h}


def lstm_step(x: Tensor, before: Step, gates: Gates) -> Step:
    """The LSTM (Hochreiter & Schmidhuber, Neural Computation 9, 1997).

    The forget gate is from Gers, Schmidhuber & Cummins, Learning to Forget, Neural Computation 12, 2000.
    """
    h, C, F, I, G, O = before["h"], before["C"], *(gates[name] for name in "figo")  # noqa: E741
    f = sigmoid(x @ F.W_x + h @ F.W_h + F.b)  # (1×h) forget gate: how much of each memory cell stays
    i = sigmoid(x @ I.W_x + h @ I.W_h + I.b)  # (1×h) input gate: how much of the candidate is written
    g = tanh(x @ G.W_x + h @ G.W_h + G.b)  # (1×h) candidate: what would be written
    C = f * C + i * g  # (1×h) memory: old things kept, new things added; no matrix stands between C_{t-1} and C_t
    o = sigmoid(x @ O.W_x + h @ O.W_h + O.b)  # (1×h) output gate: how much of the memory is shown
    h = o * tanh(C)  # (1×h) hidden state
    return {"f": f, "i": i, "g": g, "C": C, "o": o, "h": h}


def gru_step(x: Tensor, before: Step, gates: Gates) -> Step:
    """The GRU (Cho et al., Learning Phrase Representations using RNN Encoder–Decoder, EMNLP 2014, eq. 5 to 8).

    This is PyTorch's variant: the reset gate is applied after the recurrent product, r ⊙ (h W_h + b_h); in the paper,
    before it, (r ⊙ h) W_h. cuDNN computes PyTorch's, since all recurrent products of a step are then a single one.
    """
    h, R, Z, N = before["h"], *(gates[name] for name in "rzn")
    r = sigmoid(x @ R.W_x + h @ R.W_h + R.b)  # (1×h) reset gate: how much of the old state the candidate sees
    z = sigmoid(x @ Z.W_x + h @ Z.W_h + Z.b)  # (1×h) update gate: how much of the old state stays
    n = tanh(x @ N.W_x + (N.b - N.b_h) + r * (h @ N.W_h + N.b_h))  # (1×h) candidate
    h = z * h + (1 - z) * n  # (1×h) hidden state: the GRU's memory, forget and input gate in one
    return {"r": r, "z": z, "n": n, "h": h}


STEPS: dict[Cell, Callable[[Tensor, Step, Gates], Step]] = {"rnn": rnn_step, "gru": gru_step, "lstm": lstm_step}
# In the order in which PyTorch stacks their weights.
GATES: dict[Cell, str] = {"rnn": "h", "gru": "rzn", "lstm": "ifgo"}


class Passage(NamedTuple):
    """One direction of one layer over a document: `steps[t]` belongs to token t in both directions."""

    layer: int  # from 1
    direction: Direction
    steps: list[Step]


def read(encoder: RecurrentEncoder, document: Tensor) -> tuple[Tensor, list[Passage]]:
    """Reads a document (T, K) with the weights of any trained encoder, without dropout.

    Returns:
        The states of the last layer (T, output_size), and the passages from the lowest layer up, forward first. All is
        differentiable with respect to the document, the encoder's weights, and each step's gates and states.
    """
    inputs, passages = document, []
    for layer, weights in enumerate(encoder.layers, start=1):
        directions: list[Direction] = ["forward", "backward"] if encoder.bidirectional else ["forward"]
        of_layer = [
            Passage(layer, way, _read_pieces(encoder, inputs, gates_of(encoder.cell, weights, way), way))
            for way in directions
        ]
        passages += of_layer
        # (T, h) of each direction, side by side: (T, output_size), the input of the next layer
        inputs = torch.cat([torch.cat([step["h"] for step in passage.steps]) for passage in of_layer], dim=1)
    return inputs, passages


def _read_pieces(encoder: RecurrentEncoder, inputs: Tensor, gates: Gates, direction: Direction) -> list[Step]:
    """The steps of one direction over a document (T, K), in the order of the text; with a segment, piece by piece."""
    pieces = torch.split(inputs, encoder.segment or len(inputs))
    return [step for piece in pieces for step in _pass(encoder.cell, piece, gates, direction)]


def _pass(cell: Cell, inputs: Tensor, gates: Gates, direction: Direction) -> list[Step]:
    """The steps of one direction, in the order of the text; the first one read starts from zeros."""
    size = next(iter(gates.values())).W_h.shape[0]
    before = {name: inputs.new_zeros(1, size) for name in ("h", "C")}
    rows = inputs.chunk(len(inputs))  # T × (1, K)
    steps = []
    for x in rows if direction == "forward" else reversed(rows):
        before = STEPS[cell](x, before, gates)
        steps.append(before)
    return steps if direction == "forward" else steps[::-1]


def gates_of(cell: Cell, layer: nn.Module, direction: Direction) -> Gates:
    """The gates of a single-layer nn.RNN, nn.GRU or nn.LSTM, views of its packed weights.

    PyTorch stacks the gates below each other and multiplies from the left: weight_ih (gates·h, K) holds the W_x, each
    transposed, weight_hh (gates·h, h) the W_h.
    """
    suffix = "_l0" if direction == "forward" else "_l0_reverse"
    names = GATES[cell]
    parts = [
        getattr(layer, name + suffix).chunk(len(names)) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    return {
        name: Gate(W_x.t(), W_h.t(), (b_x + b_h).unsqueeze(0), b_h.unsqueeze(0))
        for name, W_x, W_h, b_x, b_h in zip(names, *parts, strict=True)
    }


# What pages show beside the values.
DESCRIPTIONS: dict[Cell, CellDescription] = {
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
        "from those with a negative mean (top) to those with a positive mean (bottom)",
        "h",
        [],
    ),
    "lstm": CellDescription(
        "LSTM",
        "A memory C runs beside the hidden state, and no matrix multiplies it from step to step: the forget gate "
        "decides what stays, the input gate what is added, the output gate what is shown. Where the forget gate is "
        "open, the memory and its gradient pass unchanged.",
        "Hochreiter & Schmidhuber 1997; the forget gate: Gers, Schmidhuber & Cummins 2000",
        [
            Signal(
                "f",
                "forget gate",
                ["f_t = σ(x_t W_x^f + h_{t−1} W_h^f + b^f)"],
                "how much of each memory cell stays: coloured is kept, blank is erased",
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
                "how much of the old state stays: coloured is kept, blank is erased",
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
