"""One LSTM layer on a GPU: PyTorch's autograd around the kernels of models/gpu/lstm_kernel.py.

S models of one shape, such as one variant's seeds, are computed side by side; a single model has S = 1.
"""

from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from models.gpu.lstm_kernel import lstm_backward, lstm_forward

FORWARD, BACKWARD = 2, 1
"""Documents of a program in each pass: with other numbers the compiler spills registers (docs/performance.md)."""


def read(
    inputs: Tensor,
    lengths: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    *,
    last_only: bool = False,
) -> Tensor:
    """The states of S models of D directions that each read B right-padded documents; differentiable once.

    h W_h is computed in float32, x W_x in the type of `inputs`, in which gates and states are also kept for the
    backward pass.

    Args:
        inputs: (S, B, T, size).
        lengths: int32 (S, B), from 1 to T.
        weight_ih: (S, D, 4h, size), the gates' weights below each other as PyTorch has them.
        weight_hh: (S, D, 4h, h).
        bias: (S, D, 4h), the sum of PyTorch's two.
        last_only: return only the state that each direction computes last.

    Returns:
        (S, B, T, D·h), 0 behind a document's end; or with `last_only` (S, B, D·h).
    """
    arguments = (inputs, lengths, weight_ih, weight_hh, bias, last_only, torch.is_grad_enabled())
    states: Tensor = _Layer.apply(*arguments)  # type: ignore[no-untyped-call]
    return states


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any,
        inputs: Tensor,
        lengths: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias: Tensor,
        last_only: bool,
        training: bool,
    ) -> Tensor:
        models, batch, time, size = inputs.shape
        directions, hidden = weight_hh.shape[1], weight_hh.shape[3]
        width = max(triton.next_power_of_2(hidden), 16)  # units; those beyond `hidden` stay 0
        rows = inputs.reshape(models, batch * time, size)  # (S, B·T, size)
        from_inputs = _interleave(weight_ih, width).to(inputs.dtype).view(models, directions * 4 * width, size)
        from_states = _interleave(pad(weight_hh, (0, width - hidden)), width).float()  # (S, D, 4H, H)
        offsets = _interleave(bias.unsqueeze(3), width).to(inputs.dtype).view(models, 1, directions * 4 * width)
        gates = torch.baddbmm(offsets, rows, from_inputs.transpose(1, 2))  # (S, B·T, D·4H)
        states = rows.new_empty(models, batch, *([] if last_only else [time]), directions, width)
        before = rows.new_empty(models * directions, batch * time if training else 0, width)
        cells = torch.empty_like(before)
        lstm_forward[_grid(models, directions, batch, FORWARD)](
            gates,
            from_states.transpose(2, 3).contiguous(),
            lengths,
            states,
            before,
            cells,
            batch,
            time,
            KEEP=training,
            **_program(directions, width, last_only, FORWARD),
        )
        context.save_for_backward(rows, lengths, from_inputs, from_states, gates, before, cells)
        context.shape, context.last_only = inputs.shape, last_only
        context.inputs_learn = context.needs_input_grad[0]
        return states[..., :hidden].flatten(-2)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_states: Tensor) -> Any:
        rows, lengths, from_inputs, from_states, gates, before, cells = context.saved_tensors
        models, batch, time, size = context.shape
        directions, width = from_states.shape[1], from_states.shape[3]
        hidden = d_states.shape[-1] // directions
        d_states = d_states.reshape(*d_states.shape[:-1], directions, hidden)
        lstm_backward[_grid(models, directions, batch, BACKWARD)](
            gates,
            from_states,
            lengths,
            pad(d_states, (0, width - hidden)).contiguous(),
            cells,
            batch,
            time,
            **_program(directions, width, context.last_only, BACKWARD),
        )
        d_gates = gates  # overwritten: (S, B·T, D·4H)
        d_inputs = torch.bmm(d_gates, from_inputs).view(context.shape) if context.inputs_learn else None
        d_from_inputs = torch.bmm(d_gates.transpose(1, 2), rows).view(models, directions, 4 * width, size)
        by_direction = d_gates.view(models, batch * time, directions, 4 * width)
        before = before.view(models, directions, batch * time, width)
        d_from_states = torch.stack(
            [torch.bmm(by_direction[:, :, d].transpose(1, 2), before[:, d]) for d in range(directions)], dim=1
        )  # (S, D, 4H, H)
        d_offsets = d_gates.sum(dim=1, dtype=torch.float32).view(models, directions, 4 * width, 1)
        return (
            d_inputs,
            None,
            _stack(d_from_inputs, hidden).float(),
            _stack(d_from_states, hidden)[..., :hidden].float(),
            _stack(d_offsets, hidden).squeeze(3),
            None,
            None,
        )


def _interleave(weights: Tensor, width: int) -> Tensor:
    """A unit's gates beside each other, zeros for units beyond h: (S, D, 4H, size) of PyTorch's (S, D, 4h, size)."""
    models, directions, gates, size = weights.shape
    by_gate = weights.reshape(models, directions, 4, gates // 4, size)
    by_gate = pad(by_gate, (0, 0, 0, width - gates // 4))  # (S, D, 4, H, size)
    return by_gate.transpose(2, 3).reshape(models, directions, 4 * width, size)


def _stack(weights: Tensor, hidden: int) -> Tensor:
    """(S, D, 4h, size) as PyTorch stacks the gates, of (S, D, 4H, size) as `_interleave` returns them."""
    models, directions, gates, size = weights.shape
    by_unit = weights.view(models, directions, gates // 4, 4, size)[:, :, :hidden]
    return by_unit.transpose(2, 3).reshape(models, directions, 4 * hidden, size)


def _program(directions: int, width: int, last_only: bool, documents: int) -> dict[str, Any]:
    """Constants of a kernel whose programs read so many documents each; a thread holds 128 numbers of W_h."""
    return {
        "D": directions,
        "H": width,
        "ROWS": documents,
        "ONLY_LAST": last_only,
        "num_warps": width // 16,
    }


def _grid(models: int, directions: int, batch: int, documents: int) -> tuple[int, int]:
    return triton.cdiv(batch, documents), models * directions
