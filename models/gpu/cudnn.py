"""One recurrent layer on a GPU in cuDNN: a call for each direction over right-padded documents.

For padded documents cuDNN computes a direction in a few kernels. For packed ones, or if one call computes both
directions, it launches kernels for each step. The backward direction reads documents that are reversed within their
lengths, so that it starts at a document's last token, not in the padding.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from config.choices import Cell
from models.padding import reversed_positions
from models.weights import Weights

_CALLS: dict[Cell, Any] = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}
_MODES: dict[Cell, int] = {"rnn": 1, "lstm": 2, "gru": 3}  # cuDNN's numbers


def read_layer(
    cell: Cell,
    layer: nn.RNNBase,
    weights: Sequence[Weights],
    inputs: Tensor,
    lengths: Tensor,
    last_only: bool = False,
) -> Tensor:
    """See models/backend.py; `weights` of each direction are those of the layer, or what weight drop left of them."""
    _make_contiguous(cell, layer)
    order = reversed_positions(lengths, inputs.shape[1]) if layer.bidirectional else None
    directions = [_read_direction(cell, layer, weights[0], inputs)]  # (batch, time, h) each
    if order is not None:
        directions.append(_read_direction(cell, layer, weights[1], _Reorder.apply(inputs, order)))  # type: ignore[no-untyped-call]
    if last_only:  # after as many steps as the document has tokens, in both directions
        documents = torch.arange(len(lengths), device=inputs.device)
        return torch.cat([states[documents, lengths - 1] for states in directions], dim=1)
    if order is not None:
        directions[1] = _Reorder.apply(directions[1], order)  # type: ignore[no-untyped-call]
    return directions[0] if order is None else torch.cat(directions, dim=2)


class _Reorder(torch.autograd.Function):
    """Takes `inputs` (batch, time, size) in an `order` that is its own inverse, so no gradients have to be summed."""

    @staticmethod
    def forward(context: Any, inputs: Tensor, order: Tensor) -> Tensor:
        context.save_for_backward(order)
        return inputs.take_along_dim(order.unsqueeze(2), dim=1)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Any:
        (order,) = context.saved_tensors
        return gradient.take_along_dim(order.unsqueeze(2), dim=1), None


def _read_direction(cell: Cell, layer: nn.RNNBase, weights: Weights, inputs: Tensor) -> Tensor:
    """States (batch, time, h) of one direction of a layer, from the first position to the last."""
    state = inputs.new_zeros(1, len(inputs), layer.hidden_size)
    start = (state, state) if cell == "lstm" else state
    states: Tensor = _CALLS[cell](inputs, start, weights, True, 1, 0.0, layer.training, False, True)[0]
    return states


def _make_contiguous(cell: Cell, layer: nn.RNNBase) -> None:
    """Moves each direction's weights into one block of memory, as cuDNN expects: otherwise each call copies them.

    nn.RNNBase makes one block of both directions, which a call for one direction does not recognize.
    """
    places = [weights.data_ptr() for weights in layer.parameters()]
    if not layer.all_weights[0][0].is_cuda or getattr(layer, "_contiguous_at", None) == places:
        return
    with torch.no_grad():
        for weights in layer.all_weights:
            torch._cudnn_rnn_flatten_weight(
                list[Tensor](weights), 4, layer.input_size, _MODES[cell], layer.hidden_size, 0, 1, True, False
            )
    layer._contiguous_at = [weights.data_ptr() for weights in layer.parameters()]
