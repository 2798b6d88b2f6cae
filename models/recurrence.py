"""One direction of one recurrent layer on the CPU: PyTorch's autograd around the loops of models/kernels.py.

What is read comes as the different inputs and an index, since a word that occurs ten times in a batch has to be
multiplied by W_x once only: of the 7,430 tokens of an average batch of IMDB 1,750 are different.
"""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

Cell = Literal["rnn", "gru", "lstm"]

_KEPT: dict[Cell, int] = {"rnn": 0, "gru": 4, "lstm": 4}  # numbers a step keeps for the backward pass, by h
# After each document's gates, unused: else their gradients lie a multiple of 4 KiB away, which processors take for the
# same place, so that reading the ones waits for writing the others.
_GAP = 16


def project(cell: Cell, inputs: Tensor, weight_ih: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """x W_x with the biases of all gates: what a step adds its h W_h to.

    Args:
        cell: rnn, gru or lstm, with weights as PyTorch stacks them.
        inputs: (rows, input_size).
        weight_ih: (gates·h, input_size).
        bias_ih: (gates·h,).
        bias_hh: (gates·h,).

    Returns:
        (rows, gates·h)
    """
    inner = _inner_bias(cell, bias_hh)
    outer = torch.cat([bias_hh[: len(bias_hh) - len(inner)], torch.zeros_like(inner)])
    # Under autocast the product may come in bfloat16, from which the recurrence goes on in full.
    return linear(inputs, weight_ih, bias_ih + outer).to(weight_ih.dtype)


def recur(cell: Cell, projected: Tensor, index: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
    """The states of one direction, from the first position to the last; differentiable once.

    Args:
        cell: rnn, gru or lstm, with weights as PyTorch stacks them.
        projected: (rows, gates·h), what `project` makes of the different inputs.
        index: int32 (time, batch), which of them is read.
        weight_hh: (gates·h, h).
        bias_hh: (gates·h,).

    Returns:
        (time, batch, h)
    """
    # Asked for here: within the function no gradient is ever enabled, and weights always need theirs.
    trains = torch.is_grad_enabled()
    inner = _inner_bias(cell, bias_hh)
    states: Tensor = _Recurrence.apply(cell, trains, projected, index, weight_hh, inner)  # type: ignore[no-untyped-call]
    return states


def _inner_bias(cell: Cell, bias_hh: Tensor) -> Tensor:
    """The part of the bias that stands within the GRU's reset gate: its candidate's (h,); of other cells nothing."""
    return bias_hh[2 * len(bias_hh) // 3 :] if cell == "gru" else bias_hh[:0]


def distinct(values: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The different values (rows,), int32, of `values` (time, batch) below `size`, and each one's row (time, batch).

    Example:
        >>> distinct(torch.tensor([[7, 9], [9, 8]], dtype=torch.int32), size=10)
        (tensor([7, 9, 8], dtype=torch.int32), tensor([[0, 1],
                [1, 2]], dtype=torch.int32))
    """
    from models import kernels  # takes half a second, and not all that import this read anything

    different, index = np.empty(values.numel(), np.int32), np.empty(values.shape, np.int32)
    count = kernels.number(values.numpy(), different, index, np.full(size, -1, np.int32))
    return torch.from_numpy(different[:count]), torch.from_numpy(index)


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, cell: Cell, trains: bool, projected: Tensor, index: Tensor, weight_hh: Tensor, inner_bias: Tensor
    ) -> Tensor:
        from models import kernels

        (time, batch), h = index.shape, weight_hh.shape[1]
        states = projected.new_empty(time + 1, batch, h)
        # Two rows where the backward pass wants none: a loop that reads and writes the same one is not made of vectors.
        memory = projected.new_empty((time + 1 if trains else 2) if cell == "lstm" else 0, batch, h)
        gates = projected.new_empty(time if trains else 1, batch, _KEPT[cell] * h + _GAP)
        states[0] = 0
        memory[:1] = 0
        run = {"rnn": kernels.rnn_forward, "gru": kernels.gru_forward, "lstm": kernels.lstm_forward}[cell]
        run(*_arrays(projected, index, weight_hh.t().contiguous(), inner_bias, states, memory, gates))
        context.cell = cell
        context.rows, context.inner = len(projected), len(inner_bias)
        context.save_for_backward(index, weight_hh, states, memory, gates)
        return states[1:]

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_states: Tensor) -> Any:
        from models import kernels

        index, weight_hh, states, memory, gates = context.saved_tensors
        d_projected = states.new_zeros(context.rows, len(weight_hh))
        d_weight, d_inner_bias = torch.zeros_like(weight_hh), states.new_zeros(context.inner)
        run = {"rnn": kernels.rnn_backward, "gru": kernels.gru_backward, "lstm": kernels.lstm_backward}[context.cell]
        run(*_arrays(d_states, index, weight_hh, states, memory, gates, d_projected, d_weight, d_inner_bias))
        return None, None, d_projected, None, d_weight, d_inner_bias


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]
