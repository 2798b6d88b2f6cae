"""The recurrent cells as compiled loops over time, forward and backward, for models/cpu/recurrence.py.

models/textbook.py has the equations. All arrays are C-contiguous, of one float type; t counts in reading order. The
arguments of all cells:

    projected (rows, gates·h), index (time, batch): `index` names the row of `projected` that a step adds to its
        product. Either the rows are W_x times each different input, with the bias, and x is 0. Or they are the bias
        alone, and W_x is part of `weight`; a cell with an inner bias cannot do that, its last gate needs h W_h alone
    inputs (positions, x), reads (time, batch): in the second case `reads` names the row of `inputs` that is x_t
    weight (gates·h, x + h), weight_t (x + h, gates·h): W_h as PyTorch stacks it, right of W_x; and transposed
    inner_bias (h,): the bias within a gate's product, of cells that have one
    output (positions, …), places (time, batch), column: h_t is written to h numbers of `output`, from `column` on in
        the row that `places` names
    states (time + 1 or 2, batch, x + h), memory (…, h), gates (time or 1, batch, …): x_{t+1} and h_t, and what the
        backward pass needs besides; with fewer rows each step overwrites an earlier one

The backward pass also has these arguments, and adds to the last four:

    d_output (positions, …), d_projected (rows, gates·h), d_inputs (positions, x), d_weight (gates·h, x + h),
    d_inner_bias (h,)
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from config.choices import Cell
from core.compiled import compiled, inline
from models.cpu.embedding_loops import add_rows
from models.cpu.products import add_transposed, in_strips, multiply

TOGETHER = 8  # steps of the backward pass whose part of W_h's gradient is one matrix product
# Unused numbers after each document's gradients. The products read columns of them, and rows that are a multiple of
# 4 KiB apart fall into the same few cache sets. models/cpu/recurrence.py adds another number of them to the gates.
GAP = 48

# tanh(x) ≈ x·P(x²)/Q(x²) for |x| ≤ 9, by least squares reweighted to an even relative error (2e-8).
_P0, _P1, _P2, _P3, _P4 = map(np.float32, (0.99999998, 0.13381037735, 3.4956017634e-3, 2.0609277996e-5, 1.335488018e-8))
_Q1, _Q2, _Q3, _Q4 = map(np.float32, (0.46714353355, 0.025877035966, 3.2856558693e-4, 7.7766588238e-7))
_ONE, _HALF, _NINE = map(np.float32, (1, 0.5, 9))


def tanh(x):
    """In float32 as above, which compilers vectorize; in float64 the C library's."""
    raise NotImplementedError("only within compiled functions")


def sigmoid(x):
    """σ(x) = (1 + tanh(x/2))/2."""
    raise NotImplementedError("only within compiled functions")


@overload(tanh)
def _tanh(x):
    if x != types.float32:
        return lambda x: math.tanh(x)

    def rational(x):
        x = -_NINE if x < -_NINE else x  # written so that NaN stays NaN
        x = _NINE if x > _NINE else x
        u = x * x
        p = (((_P4 * u + _P3) * u + _P2) * u + _P1) * u + _P0
        q = (((_Q4 * u + _Q3) * u + _Q2) * u + _Q1) * u + _ONE
        t = x * p / q  # by rounding it may be more than 1
        t = -_ONE if t < -_ONE else t
        return _ONE if t > _ONE else t

    return rational


@overload(sigmoid)
def _sigmoid(x):
    if x != types.float32:
        return lambda x: 0.5 + 0.5 * math.tanh(0.5 * x)
    return lambda x: _HALF + _HALF * tanh(_HALF * x)


@compiled
def rnn_forward(projected, index, inputs, reads, places, column, weight_t, inner_bias, output, states, memory, gates):
    """`memory` and `gates` are not used."""
    recurrent = np.empty((index.shape[1], len(weight_t.T)), projected.dtype)
    strips, first = in_strips(weight_t), inputs.shape[1]
    states[0] = 0
    for t in range(len(index)):
        past, state = states[t % len(states)], states[(t + 1) % len(states)]
        _read(inputs, reads[t], past)
        multiply(past, strips, recurrent)
        for b in range(index.shape[1]):
            x, y, h = projected[index[t, b]], recurrent[b], state[b, first:]
            for j in range(len(h)):
                h[j] = tanh(x[j] + y[j])
            _copy(h, output[places[t, b]], column)


@compiled
def rnn_backward(
    d_output, index, reads, places, column, weight, states, memory, gates, d_projected, d_inputs, d_weight, d_inner_bias
):
    """Gradients from the last step to the first."""
    one = states.dtype.type(1)
    d_state = np.zeros(states.shape[1:], states.dtype)
    d_recurrent = np.empty((TOGETHER, index.shape[1], len(weight) + GAP), states.dtype)
    strips, first = in_strips(weight), d_inputs.shape[1]
    for t in range(len(index) - 1, -1, -1):
        step = d_recurrent[t % TOGETHER]
        for b in range(index.shape[1]):
            h, d, below = states[t + 1, b, first:], step[b], d_state[b, first:]
            above = d_output[places[t, b]][column : column + len(h)]
            for j in range(len(h)):
                d[j] = (above[j] + below[j]) * (one - h[j] * h[j])
            _add(d_projected[index[t, b]], d)
        multiply(step, strips, d_state)
        add_rows(d_inputs, reads[t], d_state)
        if t % TOGETHER == 0:
            _gather(d_recurrent, states[t:-1], d_weight)


@compiled
def lstm_forward(projected, index, inputs, reads, places, column, weight_t, inner_bias, output, states, memory, gates):
    """`gates` gets i, f, g, o (4·h), `memory` C_t."""
    recurrent = np.empty((index.shape[1], len(weight_t.T)), projected.dtype)
    strips, first = in_strips(weight_t), inputs.shape[1]
    states[0] = 0
    memory[0] = 0
    for t in range(len(index)):
        past, state = states[t % len(states)], states[(t + 1) % len(states)]
        _read(inputs, reads[t], past)
        multiply(past, strips, recurrent)
        before, after, step = memory[t % len(memory)], memory[(t + 1) % len(memory)], gates[t % len(gates)]
        for b in range(index.shape[1]):
            x, y, a = projected[index[t, b]], recurrent[b], step[b]
            for j in range(len(x)):
                a[j] = x[j] + y[j]
            i, f, g, o = _quarters(a, memory.shape[2])
            c_before, c, h = before[b], after[b], state[b, first:]
            for j in range(len(h)):
                i[j], f[j], g[j], o[j] = sigmoid(i[j]), sigmoid(f[j]), tanh(g[j]), sigmoid(o[j])
                c[j] = f[j] * c_before[j] + i[j] * g[j]
                h[j] = o[j] * tanh(c[j])
            _copy(h, output[places[t, b]], column)


@compiled
def lstm_backward(
    d_output, index, reads, places, column, weight, states, memory, gates, d_projected, d_inputs, d_weight, d_inner_bias
):
    """Gradients from the last step to the first."""
    one = states.dtype.type(1)
    d_state = np.zeros(states.shape[1:], states.dtype)
    d_memory = np.zeros(memory.shape[1:], states.dtype)
    d_recurrent = np.empty((TOGETHER, index.shape[1], len(weight) + GAP), states.dtype)
    strips, first = in_strips(weight), d_inputs.shape[1]
    for t in range(len(index) - 1, -1, -1):
        step = d_recurrent[t % TOGETHER]
        for b in range(index.shape[1]):
            i, f, g, o = _quarters(gates[t, b], memory.shape[2])
            d_i, d_f, d_g, d_o = _quarters(step[b], memory.shape[2])
            c, c_before, below, d_c = memory[t + 1, b], memory[t, b], d_state[b, first:], d_memory[b]
            above = d_output[places[t, b]][column : column + len(c)]
            for j in range(len(c)):
                shown, d_h = tanh(c[j]), above[j] + below[j]
                d_o[j] = d_h * shown * o[j] * (one - o[j])
                d_c[j] += d_h * o[j] * (one - shown * shown)
            for j in range(len(c)):
                d_i[j] = d_c[j] * g[j] * i[j] * (one - i[j])
                d_g[j] = d_c[j] * i[j] * (one - g[j] * g[j])
            for j in range(len(c)):
                d_f[j] = d_c[j] * c_before[j] * f[j] * (one - f[j])
                d_c[j] *= f[j]
            _add(d_projected[index[t, b]], step[b])
        multiply(step, strips, d_state)
        add_rows(d_inputs, reads[t], d_state)
        if t % TOGETHER == 0:
            _gather(d_recurrent, states[t:-1], d_weight)


@compiled
def gru_forward(projected, index, inputs, reads, places, column, weight_t, inner_bias, output, states, memory, gates):
    """`gates` gets r, z, n and m = h W_h + b_h of the candidate (4·h); `memory` is not used."""
    recurrent = np.empty((index.shape[1], len(weight_t.T)), projected.dtype)
    strips = in_strips(weight_t)
    states[0] = 0
    for t in range(len(index)):
        past, state = states[t % len(states)], states[(t + 1) % len(states)]
        multiply(past, strips, recurrent)
        step = gates[t % len(gates)]
        for b in range(index.shape[1]):
            x_r, x_z, x_n = _thirds(projected[index[t, b]])
            y_r, y_z, y_n = _thirds(recurrent[b])
            r, z, n, m = _quarters(step[b], states.shape[2])
            h_before, h = past[b], state[b]
            for j in range(len(h)):
                r[j] = sigmoid(x_r[j] + y_r[j])
                z[j] = sigmoid(x_z[j] + y_z[j])
            for j in range(len(h)):
                m[j] = y_n[j] + inner_bias[j]
                n[j] = tanh(x_n[j] + r[j] * m[j])
            for j in range(len(h)):
                h[j] = n[j] + z[j] * (h_before[j] - n[j])
            _copy(h, output[places[t, b]], column)


@compiled
def gru_backward(
    d_output, index, reads, places, column, weight, states, memory, gates, d_projected, d_inputs, d_weight, d_inner_bias
):
    """Gradients from the last step to the first."""
    one = states.dtype.type(1)
    d_state = np.zeros(states.shape[1:], states.dtype)
    d_past = np.zeros(states.shape[1:], states.dtype)  # what reaches h_{t-1} through z, past the recurrent product
    d_recurrent = np.empty((TOGETHER, index.shape[1], len(weight) + GAP), states.dtype)
    strips = in_strips(weight)
    for t in range(len(index) - 1, -1, -1):
        step = d_recurrent[t % TOGETHER]
        for b in range(index.shape[1]):
            r, z, n, m = _quarters(gates[t, b], states.shape[2])
            d_r, d_z, d_m = _thirds(step[b, : len(weight)])
            d_x_r, d_x_z, d_x_n = _thirds(d_projected[index[t, b]])
            h_before, below, d_h = states[t, b], d_state[b], d_past[b]
            above = d_output[places[t, b]][column : column + len(d_h)]
            for j in range(len(d_h)):
                d_h[j] += above[j] + below[j]
                d_z[j] = d_h[j] * (h_before[j] - n[j]) * z[j] * (one - z[j])
                d_m[j] = d_h[j] * (one - z[j]) * (one - n[j] * n[j])  # d_n for now
            for j in range(len(d_h)):
                d_h[j] *= z[j]
                d_x_n[j] += d_m[j]
                d_r[j] = d_m[j] * m[j] * r[j] * (one - r[j])
                d_m[j] *= r[j]
            _add(d_x_r, d_r)
            _add(d_x_z, d_z)
            _add(d_inner_bias, d_m)
        multiply(step, strips, d_state)
        if t % TOGETHER == 0:
            _gather(d_recurrent, states[t:-1], d_weight)


# Compilers vectorize loops over a few views whose indices start from 0.


@inline
def _quarters(values, h):
    return values[:h], values[h : 2 * h], values[2 * h : 3 * h], values[3 * h : 4 * h]


@inline
def _thirds(values):
    h = len(values) // 3
    return values[:h], values[h : 2 * h], values[2 * h :]


@inline
def _copy(values, row, column):
    place = row[column : column + len(values)]
    for j in range(len(values)):
        place[j] = values[j]


@compiled
def _read(inputs, rows, past):
    """Copies a step's inputs beside its documents' past states."""
    for b in range(len(rows)):
        _copy(inputs[rows[b]], past[b], 0)


@inline
def _add(total, part):
    for j in range(len(total)):
        total[j] += part[j]


@compiled
def _gather(d_recurrent, states, d_weight):
    """Adds some steps' part of W_h's gradient while they are in the processor's cache; `states` starts with theirs."""
    _, batch, width = d_recurrent.shape
    steps = min(TOGETHER, len(states))
    rows = d_recurrent[:steps].reshape(steps * batch, width)
    add_transposed(rows, states[:steps].reshape(steps * batch, states.shape[2]), d_weight)


class CellLoops(NamedTuple):
    """A cell's loops, and the sizes of what they keep.

    Attributes:
        forward, backward: the loops.
        gates: how many numbers per unit a step keeps in the array `gates`.
        memory: whether it has `memory` beside its state.
        inner_bias: whether its last gate has a bias within the recurrent product.
    """

    forward: Any
    backward: Any
    gates: int
    memory: bool = False
    inner_bias: bool = False


CELLS: dict[Cell, CellLoops] = {
    "rnn": CellLoops(rnn_forward, rnn_backward, gates=0),
    "gru": CellLoops(gru_forward, gru_backward, gates=4, inner_bias=True),
    "lstm": CellLoops(lstm_forward, lstm_backward, gates=4, memory=True),
}
