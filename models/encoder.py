"""The recurrent encoder: stacked RNN, GRU or LSTM layers that read right-padded documents in one or both directions.

Two ways lead to the same states (up to rounding; tests/models/test_encoder.py):

- On CUDA, cuDNN reads packed sequences.
- On CPU, models/recurrence.py reads the padded batch. A forward direction never sees the padding to its right; a
  backward direction is a forward one over documents that were reversed within their own lengths. Two directions, or the
  two halves of the batch, are read at the same time.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.initialization import RecurrentInit, orthogonal_recurrent_weights, set_forget_bias
from models.recurrence import Cell, distinct, project, recur
from models.side_by_side import side_by_side

_LAYERS: dict[Cell, Callable[..., nn.Module]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


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
        rows = inputs.transpose(0, 1).flatten(0, 1)  # (time·batch, input_size)
        return self.read(rows, _every(inputs.shape[1], inputs.shape[0]), lengths)

    def tables(self, inputs: Tensor) -> list[Tensor]:
        """The first layer's products x W_x of `inputs` (rows, input_size), for `read`: (rows, gates·h) a direction."""
        return [
            project(self.cell, inputs, weight_ih, bias_ih, bias_hh)
            for weight_ih, _, bias_ih, bias_hh in self._weights(self.layers[0])
        ]

    def read(self, inputs: Tensor | list[Tensor], index: Tensor, lengths: Tensor) -> Tensor:
        """The same on the CPU, where inputs are named by an index and each is there once.

        Args:
            inputs: (rows, input_size), the different inputs, or `tables` of them.
            index: int32 (time, batch), which of them stands there.
            lengths: (batch,), each from 1 to time.

        Returns:
            (batch, time, output_size), as `forward`.
        """
        time, batch = index.shape
        order = reversal(lengths, time) if self.bidirectional else None
        first, *others = self.layers
        states = self._layer(first, inputs, index, order)  # (time, batch, output_size)
        for layer in others:
            states = self._layer(layer, self.dropout(states.flatten(0, 1)), _every(time, batch), order)
        return states.transpose(0, 1)

    def _packed(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        states = inputs
        for depth, layer in enumerate(self.layers):
            packed = pack_padded_sequence(
                self.dropout(states) if depth else states, lengths, batch_first=True, enforce_sorted=False
            )
            states, _ = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=inputs.shape[1])
        return states

    def _layer(self, layer: nn.Module, inputs: Tensor | list[Tensor], index: Tensor, order: Tensor | None) -> Tensor:
        """States (time, batch, output_size); `order` as `reversal` gives it, None where there is one direction."""
        both = self._weights(layer)
        read: Callable[..., Tensor]
        sources: list[tuple[Tensor, ...]]
        if isinstance(inputs, list):
            read = self._read_table
            sources = [
                (table, weight_hh, bias_hh) for table, (_, weight_hh, _, bias_hh) in zip(inputs, both, strict=True)
            ]
        else:
            read = self._read_inputs
            sources = [(inputs, *weights) for weights in both]
        if order is not None:
            turned = index.flatten()[order].view_as(index)
            forward, backward = side_by_side(read, (index, *sources[0]), (turned, *sources[1]))
            return torch.cat([forward, reorder(backward, order)], dim=-1)
        ((first, *weights),) = sources
        if index.shape[1] == 1:
            return read(index, first, *weights)
        halves = index.tensor_split(2, dim=1)  # of the documents
        if isinstance(inputs, Tensor):  # of which each half multiplies its own only
            found = [distinct(half, len(inputs)) for half in halves]
            parts = [(part, inputs.index_select(0, rows), *weights) for rows, part in found]
        else:
            parts = [(half, first, *weights) for half in halves]
        return torch.cat(side_by_side(read, *parts), dim=1)

    def _weights(self, layer: nn.Module) -> list[list[Tensor]]:
        """weight_ih, weight_hh, bias_ih and bias_hh of each direction."""
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        ends = ("", "_reverse") if self.bidirectional else ("",)
        return [[getattr(layer, name + end) for name in names] for end in ends]

    def _read_inputs(
        self, index: Tensor, inputs: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor
    ) -> Tensor:
        return self._read_table(index, project(self.cell, inputs, weight_ih, bias_ih, bias_hh), weight_hh, bias_hh)

    def _read_table(self, index: Tensor, table: Tensor, weight_hh: Tensor, bias_hh: Tensor) -> Tensor:
        return recur(self.cell, table, index, weight_hh, bias_hh)


def _every(time: int, batch: int) -> Tensor:
    """The index (time, batch) of inputs that stand below each other, position by position."""
    return torch.arange(time * batch, dtype=torch.int32).view(time, batch)


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
