"""The recurrent encoder: stacked RNN, GRU or LSTM layers that read right-padded documents in one or both directions.

Two ways lead to the same states (up to rounding; tests/models/test_encoder.py):

- On CUDA, cuDNN reads packed sequences.
- On CPU, PyTorch's packed sequences miss the fast kernel (oneDNN). But a forward direction never sees the padding to
  its right, so it may read the padded batch as it is; and a backward direction is a forward one over documents that
  were reversed within their own lengths.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.initialization import RecurrentInit, orthogonal_recurrent_weights, set_forget_bias
from models.side_by_side import side_by_side

Cell = Literal["rnn", "gru", "lstm"]

_LAYERS: dict[Cell, Callable[..., nn.Module]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
_KERNELS: dict[Cell, Callable[..., Any]] = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}


class RecurrentEncoder(nn.Module):
    """Documents in, a state for every position out.

    Attributes:
        output_size: numbers a state has: hidden_size times the number of directions.
        layers: one single-layer module a layer; with two directions its `_reverse` weights read backwards.
        idle: the second bias vectors, if `single_bias` keeps them at 0 and out of training; else none.

    Example:
        >>> encoder = RecurrentEncoder("lstm", input_size=3, hidden_size=2, bidirectional=True)
        >>> encoder(torch.zeros(5, 7, 3), torch.tensor([7, 7, 3, 2, 1])).shape
        torch.Size([5, 7, 4])
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        layer_dropout: float = 0.0,
        single_bias: bool = False,
        forget_bias: float | None = None,
        recurrent_init: RecurrentInit = "uniform",
    ) -> None:
        super().__init__()
        self.cell: Cell = cell
        self.hidden_size = hidden_size
        self.bidirectional = bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.layers = nn.ModuleList(
            _LAYERS[cell](size, hidden_size, batch_first=True, bidirectional=bidirectional)
            for size in [input_size] + [self.output_size] * (layers - 1)
        )
        for layer in self.layers:
            if recurrent_init == "orthogonal":
                orthogonal_recurrent_weights(layer)
            if forget_bias is not None:
                set_forget_bias(layer, forget_bias)
        self.dropout = nn.Dropout(layer_dropout)
        # PyTorch adds two bias vectors for each gate, one of which is enough; its kernels want both.
        self.idle = {
            weights
            for name, weights in self.named_parameters()
            if single_bias and name.rpartition(".")[2].startswith("bias_hh")
        }
        for weights in self.idle:
            nn.init.zeros_(weights).requires_grad_(False)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """States of the last layer.

        Args:
            inputs: (batch, time, input_size), right-padded.
            lengths: (batch,) on the CPU, each from 1 to time.

        Returns:
            (batch, time, output_size). At positions from a document's length on they mean nothing.
        """
        if inputs.is_cuda:
            return self._packed(inputs, lengths)
        return self._padded(inputs, lengths)

    def _packed(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        states = inputs
        for depth, layer in enumerate(self.layers):
            packed = pack_padded_sequence(
                self.dropout(states) if depth else states, lengths, batch_first=True, enforce_sorted=False
            )
            states, _ = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=inputs.shape[1])
        return states

    def _padded(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        states = inputs.transpose(0, 1)  # (time, batch, size): the kernel's own order, in which it copies nothing
        order = reversal(lengths, len(states))
        for depth, layer in enumerate(self.layers):
            if depth:
                states = self.dropout(states)
            if self.bidirectional:
                forward, backward = side_by_side(
                    self._read,
                    (states, *_weights(layer, "")),
                    (reorder(states, order), *_weights(layer, "_reverse")),
                )
                # 2 × (time, batch, hidden_size) -> (time, batch, 2·hidden_size)
                states = torch.cat([forward, reorder(backward, order)], dim=-1)
            else:
                states = self._read(states, *_weights(layer, ""))
        return states.transpose(0, 1)

    def _read(self, inputs: Tensor, *weights: Tensor) -> Tensor:
        """One direction of one layer, from the first position to the last: (time, batch, hidden_size)."""
        zero = inputs.new_zeros(1, inputs.shape[1], self.hidden_size)
        initial = (zero, zero) if self.cell == "lstm" else zero
        biases, layers, dropout, bidirectional, batch_first = True, 1, 0.0, False, False
        options = (biases, layers, dropout, self.training, bidirectional, batch_first)
        states: Tensor = _KERNELS[self.cell](inputs, initial, weights, *options)[0]
        return states


def _weights(layer: nn.Module, direction: Literal["", "_reverse"]) -> list[Tensor]:
    return [getattr(layer, f"{name}_l0{direction}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def reversal(lengths: Tensor, time: int) -> Tensor:
    """Where each position of a flattened (time·batch) batch lies once every document is reversed within its length.

    The permutation is its own inverse; padding stays where it is.

    Example:
        >>> reversal(torch.tensor([3, 1]), time=3)
        tensor([4, 1, 2, 3, 0, 5])
    """
    positions = torch.arange(time).unsqueeze(1)  # (time, 1)
    within = torch.where(positions < lengths, lengths - 1 - positions, positions)  # (time, batch)
    return (within * len(lengths) + torch.arange(len(lengths))).flatten()


def reorder(sequences: Tensor, order: Tensor) -> Tensor:
    """`sequences` (time, batch, size) with its rows permuted by a self-inverse `order` (time·batch,)."""
    reordered: Tensor = _Reorder.apply(sequences, order)  # type: ignore[no-untyped-call]
    return reordered


class _Reorder(torch.autograd.Function):
    """A permutation that is its own inverse, so that the gradient is one plain gather, not a scatter with additions."""

    @staticmethod
    def forward(context: Any, sequences: Tensor, order: Tensor) -> Tensor:
        context.save_for_backward(order)
        return _permute(sequences, order)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (order,) = context.saved_tensors
        # Through the autograd function itself, so that second derivatives exist too.
        return reorder(gradient, order), None


def _permute(sequences: Tensor, order: Tensor) -> Tensor:
    return sequences.flatten(0, 1).index_select(0, order).view_as(sequences)
