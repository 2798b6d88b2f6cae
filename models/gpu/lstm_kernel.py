"""One LSTM layer on a GPU as one Triton kernel a pass: a program reads a few documents from end to end.

W_h stays in the registers of a program for all steps, where one launch a step would load it again each time. A step's
product h W_h is a plain float32 sum of so few numbers that its latency counts, not its size: the matrix units, which
multiply 16 rows at least and take rounded numbers, were 3 to 6 times slower here (docs/gpu.md). A program
computes one direction of one model and takes as many steps as its longest document has tokens, so no step is spent on
padding. Directions and models (seeds) are an axis of the grid. models/gpu/lstm.py calls it;
models/textbook.py is the plain version.

Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000. With z = x W_x + b + h W_h for each gate:

    i, f, o = sigmoid(z_i), sigmoid(z_f), sigmoid(z_o);  g = tanh(z_g);  c' = f c + i g;  h' = o tanh(c')

Axes: model s of S, direction d of D, m = s·D + d, document b of B, position t of T, unit j of H. A unit's gates stand
beside each other: number n = 4 j + q of N = 4 H is gate q (i, f, g, o) of unit j, so that a thread holds all four.
"""

import triton
import triton.language as tl


@triton.jit
def _sigmoid(x):
    return 1.0 / (1.0 + tl.exp(-x))


@triton.jit
def _tanh(x):
    return 2.0 / (1.0 + tl.exp(-2.0 * x)) - 1.0


@triton.jit
def _gates(z, ROWS: tl.constexpr, H: tl.constexpr):
    """The gates i, f, g, o, (ROWS, H) each, of (ROWS, N)."""
    even, odd = tl.split(tl.reshape(z, (ROWS, H, 2, 2)))
    i, g = tl.split(even)
    f, o = tl.split(odd)
    return i, f, g, o


@triton.jit
def _side_by_side(i, f, g, o, ROWS: tl.constexpr, H: tl.constexpr):
    """(ROWS, N) of the gates, (ROWS, H) each."""
    return tl.reshape(tl.join(tl.join(i, g), tl.join(f, o)), (ROWS, 4 * H))


@triton.jit(do_not_specialize=["B", "T"])
def lstm_forward(
    GATES,  # (S, B, T, D, N): in: x W_x; out, with KEEP: the gates
    W,  # float32 (S·D, H, N): [k, n] leads from unit k to n
    BIAS,  # float32 (S·D, N)
    LENGTHS,  # int32 (S, B)
    STATES,  # (S, B, T, D, H), 0 behind a document's end; or with ONLY_LAST (S, B, D, H), the last state
    BEFORE,  # (S·D, B, T, H): h before each step, 0 behind a document's end; written with KEEP
    CELLS,  # (S·D, B, T, H): c before each step; written with KEEP
    B,
    T,
    D: tl.constexpr,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    KEEP: tl.constexpr,
    ONLY_LAST: tl.constexpr,
):
    """The states of ROWS documents in one direction."""
    N: tl.constexpr = 4 * H
    m = tl.program_id(1)
    s = m // D
    d = m % D
    b = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n = tl.arange(0, N)
    j = tl.arange(0, H)
    length = tl.load(LENGTHS + s * B + b, mask=b < B, other=0)
    weights = tl.load(W + m * H * N + j[:, None] * N + n[None, :])[None, :, :]  # (1, k, n)
    bias = tl.load(BIAS + m * N + n)[None, :]

    # The backward direction starts at a document's last token.
    direction = 1 - 2 * d
    row = (s * B + b).to(tl.int64) * T + d * (length - 1)  # of the position
    gates = GATES + ((row * D + d) * N)[:, None] + n[None, :]
    states = STATES + ((row * D + d) * H)[:, None] + j[None, :]
    kept = ((m * B + b).to(tl.int64) * T + d * (length - 1))[:, None] * H + j[None, :]
    h = tl.zeros((ROWS, H), tl.float32)
    c = tl.zeros((ROWS, H), tl.float32)
    inputs = tl.load(gates, mask=(length > 0)[:, None], other=0.0).to(tl.float32)
    for step in range(0, tl.max(length, 0)):
        reads = (step < length)[:, None]
        following = gates + direction * D * N
        z = inputs + bias
        inputs = tl.load(following, mask=(step + 1 < length)[:, None], other=0.0).to(tl.float32)  # a step ahead
        z += tl.sum(h[:, :, None] * weights, axis=1)
        i, f, g, o = _gates(z, ROWS, H)
        i, f, g, o = _sigmoid(i), _sigmoid(f), _tanh(g), _sigmoid(o)
        if KEEP:
            tl.store(gates, _side_by_side(i, f, g, o, ROWS, H), mask=reads)
            tl.store(BEFORE + kept, h, mask=reads)
            tl.store(CELLS + kept, c, mask=reads)
            kept += direction * H
        c = tl.where(reads, f * c + i * g, c)
        h = tl.where(reads, o * _tanh(c), h)
        if not ONLY_LAST:
            tl.store(states, h, mask=reads)
            states += direction * D * H
        gates = following
    if ONLY_LAST:
        tl.store(STATES + ((s * B + b) * D + d)[:, None] * H + j[None, :], h, mask=(b < B)[:, None])
    # Products over all positions also read what lies behind a document's end: without zeros it could be NaN.
    nothing = tl.zeros((ROWS, H), tl.float32)
    for position in range(tl.min(tl.where(b < B, length, T), 0), T):
        padding = ((b < B) & (position >= length))[:, None]
        if KEEP:
            there = ((m * B + b).to(tl.int64) * T + position)[:, None] * H + j[None, :]
            tl.store(BEFORE + there, nothing, mask=padding)
        if not ONLY_LAST:
            there = (((s * B + b).to(tl.int64) * T + position) * D + d)[:, None] * H + j[None, :]
            tl.store(STATES + there, nothing, mask=padding)


@triton.jit(do_not_specialize=["B", "T"])
def lstm_backward(
    GATES,  # as `lstm_forward` left it; out: the gradient of x W_x, 0 behind a document's end
    W,  # float32 (S·D, N, H): [n, k] leads from unit k to n
    D_BIAS,  # out: float32 (S·D, B, N), of each document
    LENGTHS,
    D_STATES,  # as STATES; what lies behind a document's end is not read
    CELLS,
    B,
    T,
    D: tl.constexpr,
    H: tl.constexpr,
    ROWS: tl.constexpr,
    ONLY_LAST: tl.constexpr,
):
    """The gradients of what `lstm_forward` read, for the same documents in the same direction."""
    N: tl.constexpr = 4 * H
    m = tl.program_id(1)
    s = m // D
    d = m % D
    b = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    n = tl.arange(0, N)
    j = tl.arange(0, H)
    length = tl.load(LENGTHS + s * B + b, mask=b < B, other=0)
    weights = tl.load(W + m * H * N + n[:, None] * H + j[None, :])[None, :, :]  # (1, n, k)

    steps = tl.max(length, 0)
    direction = 1 - 2 * d
    last = d * (length - 1) + (steps - 1) * direction
    row = (s * B + b).to(tl.int64) * T + last
    gates = GATES + ((row * D + d) * N)[:, None] + n[None, :]
    states = D_STATES + ((row * D + d) * H)[:, None] + j[None, :]
    cells = CELLS + ((m * B + b).to(tl.int64) * T + last)[:, None] * H + j[None, :]
    dh = tl.zeros((ROWS, H), tl.float32)
    dc = tl.zeros((ROWS, H), tl.float32)
    d_bias = tl.zeros((ROWS, N), tl.float32)
    reads = (steps <= length)[:, None]
    if ONLY_LAST:
        final = D_STATES + ((s * B + b) * D + d)[:, None] * H + j[None, :]
        dh = tl.load(final, mask=(b < B)[:, None], other=0.0).to(tl.float32)
    else:
        outputs = tl.load(states, mask=reads, other=0.0)
    inputs = tl.load(gates, mask=reads, other=0.0)
    before = tl.load(cells, mask=reads, other=0.0)
    for back in range(0, steps):
        step = steps - 1 - back
        reads = (step < length)[:, None]
        earlier = ((step - 1 < length) & (step > 0))[:, None]
        if not ONLY_LAST:
            dh += outputs.to(tl.float32)
            states -= direction * D * H
            outputs = tl.load(states, mask=earlier, other=0.0)
        i, f, g, o = _gates(inputs.to(tl.float32), ROWS, H)
        inputs = tl.load(gates - direction * D * N, mask=earlier, other=0.0)
        c = before.to(tl.float32)
        cells -= direction * H
        before = tl.load(cells, mask=earlier, other=0.0)
        squashed = _tanh(f * c + i * g)
        d_cell = dc + dh * o * (1 - squashed * squashed)
        dz = _side_by_side(
            d_cell * g * i * (1 - i),
            d_cell * c * f * (1 - f),
            d_cell * i * (1 - g * g),
            dh * squashed * o * (1 - o),
            ROWS,
            H,
        )
        tl.store(gates, dz, mask=reads)
        d_bias += tl.where(reads, dz, 0.0)
        gates -= direction * D * N
        dh = tl.where(reads, tl.sum(dz[:, :, None] * weights, axis=1), dh)
        dc = tl.where(reads, d_cell * f, dc)
    tl.store(D_BIAS + (m * B + b)[:, None] * N + n[None, :], d_bias, mask=(b < B)[:, None])
    nothing = tl.zeros((ROWS, N), tl.float32)
    for position in range(tl.min(tl.where(b < B, length, T), 0), T):
        there = (((s * B + b).to(tl.int64) * T + position) * D + d)[:, None] * N + n[None, :]
        tl.store(GATES + there, nothing, mask=((b < B) & (position >= length))[:, None])
