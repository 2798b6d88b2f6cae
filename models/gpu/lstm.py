"""One LSTM layer on a GPU: PyTorch's autograd around the kernels of models/gpu/lstm_kernel.py.

S models of one shape, such as one variant's seeds, are computed side by side; a single model has S = 1.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from models.gpu.lstm_kernel import lstm_backward, lstm_forward

FORWARD, BACKWARD = 2, 1
"""Documents of a program in each pass: with other numbers the compiler spills registers (docs/gpu.md)."""

Weights = Sequence[Tensor]
"""weight_ih (S, 4h, size), weight_hh (S, 4h, h), bias_ih and bias_hh (S, 4h), with the gates as PyTorch stacks them."""


def read(inputs: Tensor, lengths: Tensor, directions: Sequence[Weights], *, last_only: bool = False) -> Tensor:
    """The states of S models that each read B right-padded documents; differentiable once.

    h W_h is computed in float32, x W_x in the type of `inputs`, in which gates and states are also kept for the
    backward pass.

    Args:
        inputs: (S, B, T, size).
        lengths: int32 (S, B), from 1 to T.
        directions: the weights of each; the second one reads backwards.
        last_only: return only the state that each direction computes last.

    Returns:
        (S, B, T, directions·h), 0 behind a document's end; or with `last_only` (S, B, directions·h).
    """
    weights = [tensor for direction in directions for tensor in direction]
    training = torch.is_grad_enabled()
    states: Tensor = _Layer.apply(inputs, lengths, last_only, training, *weights)  # type: ignore[no-untyped-call]
    return states


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        context: Any, inputs: Tensor, lengths: Tensor, last_only: bool, training: bool, *weights: Tensor
    ) -> Tensor:
        weights_ih, weights_hh, biases_ih, biases_hh = (weights[kind::4] for kind in range(4))
        models, batch, time, size = inputs.shape
        directions, hidden = len(weights_ih), weights_hh[0].shape[2]
        width = max(triton.next_power_of_2(hidden), 16)  # units; those beyond `hidden` stay 0
        rows = inputs.reshape(models, batch * time, size)
        from_inputs = _by_unit(weights_ih, width).to(inputs.dtype).flatten(1, 2)  # (S, D·4H, size)
        from_states = pad(_by_unit(weights_hh, width), (0, width - hidden))  # (S, D, 4H, H)
        biases = [(ih + hh).unsqueeze(2) for ih, hh in zip(biases_ih, biases_hh, strict=True)]
        gates = torch.bmm(rows, from_inputs.transpose(1, 2))  # (S, B·T, D·4H)
        states = rows.new_empty(models, batch, *([] if last_only else [time]), directions, width)
        before = rows.new_empty(models, directions, batch * time if training else 0, width)
        cells = torch.empty_like(before)
        lstm_forward[_grid(models, directions, batch, FORWARD)](
            gates,
            from_states.transpose(2, 3).contiguous(),
            _by_unit(biases, width),
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
        models, batch, time, _ = context.shape
        directions, width = from_states.shape[1], from_states.shape[3]
        hidden = d_states.shape[-1] // directions
        d_states = d_states.reshape(*d_states.shape[:-1], directions, hidden)
        d_biases = from_states.new_empty(models, directions, batch, 4 * width)
        lstm_backward[_grid(models, directions, batch, BACKWARD)](
            gates,
            from_states,
            d_biases,
            lengths,
            pad(d_states, (0, width - hidden)).contiguous(),
            cells,
            batch,
            time,
            **_program(directions, width, context.last_only, BACKWARD),
        )
        d_gates = gates  # overwritten: (S, B·T, D·4H)
        d_inputs = torch.bmm(d_gates, from_inputs).view(context.shape) if context.inputs_learn else None
        d_from_inputs = torch.bmm(d_gates.transpose(1, 2), rows).unflatten(1, (directions, 4 * width))  # type: ignore[no-untyped-call]
        d_biases = d_biases.sum(dim=2).unsqueeze(3)  # (S, D, 4H, 1)
        gradients: list[Tensor] = []
        for direction in range(directions):
            of_direction = d_gates.unflatten(2, (directions, 4 * width))[:, :, direction]  # (S, B·T, 4H)
            d_from_states = torch.bmm(of_direction.transpose(1, 2), before[:, direction])  # (S, 4H, H)
            d_bias = _by_gate(d_biases[:, direction], hidden).squeeze(2)
            gradients += [
                _by_gate(d_from_inputs[:, direction], hidden),
                _by_gate(d_from_states, hidden)[..., :hidden],
                d_bias,
                d_bias,
            ]
        return d_inputs, None, None, None, *(gradient.float() for gradient in gradients)


def _by_unit(weights: Sequence[Tensor], width: int) -> Tensor:
    """The gates of a unit beside each other, zeros for units beyond h: (S, D, 4H, size), of D times (S, 4h, size)."""
    models, gates, size = weights[0].shape
    views = [tensor.view(models, 4, gates // 4, size).transpose(1, 2) for tensor in weights]  # (S, h, 4, size) each
    stacked = pad(torch.stack(views, dim=1), (0, 0, 0, 0, 0, width - gates // 4))
    return stacked.flatten(2, 3)


def _by_gate(weights: Tensor, hidden: int) -> Tensor:
    """(S, 4h, size) as PyTorch stacks the gates, of (S, 4H, size)."""
    models, gates, size = weights.shape
    by_unit = weights.view(models, gates // 4, 4, size)[:, :hidden]
    return by_unit.transpose(1, 2).reshape(models, 4 * hidden, size)


def _program(directions: int, width: int, last_only: bool, documents: int) -> dict[str, Any]:
    """Constants of a kernel whose programs read so many documents each; a thread holds at most 128 numbers of W_h."""
    return {
        "D": directions,
        "H": width,
        "ROWS": documents,
        "ONLY_LAST": last_only,
        "num_warps": width // 16,
    }


def _grid(models: int, directions: int, batch: int, documents: int) -> tuple[int, int]:
    return triton.cdiv(batch, documents), models * directions
