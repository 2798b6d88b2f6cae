"""The recurrent encoder: stacked RNN, GRU or LSTM layers that read right-padded documents in one or both directions.

Two ways lead to the same states (up to rounding; tests/models/test_encoder.py):

- On CUDA, cuDNN reads packed sequences.
- On CPU, models/cpu/recurrence.py reads the padded batch. A forward direction never sees the padding to its right; a
  backward direction is a forward one over documents that were reversed within their own lengths.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.cpu import recurrence
from models.cpu.recurrence import Cell, Weights
from models.initialization import RecurrentInit, orthogonal_recurrent_weights, set_forget_bias

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
        return self.read(inputs.flatten(0, 1), every(inputs.shape[0], inputs.shape[1]), lengths)

    def tables(self, inputs: Tensor) -> list[Tensor]:
        """The first layer's products x W_x of `inputs` (rows, input_size), for `read`: (rows, gates·h) a direction."""
        return [recurrence.project(self.cell, inputs, each, inputs.dtype) for each in self._weights(self.layers[0])]

    def read(self, inputs: Tensor | list[Tensor], index: Tensor, lengths: Tensor, *, ends: bool = False) -> Tensor:
        """The same on the CPU, where inputs are named by an index and each is there once.

        Args:
            inputs: (rows, input_size), the different inputs, or `tables` of them.
            index: int32 (batch, time), which of them stands there.
            lengths: (batch,), each from 1 to time.
            ends: whether only the state at each document's end is wanted, of a backward direction that at its start.

        Returns:
            (batch, time, output_size), as `forward`; with `ends` (batch, output_size).
        """
        batch, time = index.shape
        order = reversal(lengths, time) if self.bidirectional else None
        first, *others = (self._weights(layer) for layer in self.layers)
        parts = recurrence.parts(index, order)
        if ends and not others:
            parts = recurrence.only_ends(parts, lengths)
        if isinstance(inputs, Tensor):
            states = recurrence.read(self.cell, inputs, parts, first)  # (batch·time or batch + parts, output_size)
        else:
            states = recurrence.read_tables(self.cell, inputs, parts, first)
        if others:
            parts = recurrence.parts(every(batch, time), order)
        for weights in others:
            if ends and weights is others[-1]:
                parts = recurrence.only_ends(parts, lengths)
            states = recurrence.read(self.cell, self.dropout(states), parts, weights)
        return states[:batch] if ends else states.view(batch, time, self.output_size)

    def _packed(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        states = inputs
        for depth, layer in enumerate(self.layers):
            packed = pack_padded_sequence(
                self.dropout(states) if depth else states, lengths, batch_first=True, enforce_sorted=False
            )
            states, _ = pad_packed_sequence(layer(packed)[0], batch_first=True, total_length=inputs.shape[1])
        return states

    def _weights(self, layer: nn.Module) -> list[Weights]:
        """Those of each direction."""
        ends = ("", "_reverse") if self.bidirectional else ("",)
        return [
            (
                getattr(layer, f"weight_ih_l0{end}"),
                getattr(layer, f"weight_hh_l0{end}"),
                getattr(layer, f"bias_ih_l0{end}"),
                getattr(layer, f"bias_hh_l0{end}"),
            )
            for end in ends
        ]


def every(batch: int, time: int) -> Tensor:
    """The index (batch, time) of inputs that stand below each other, document by document."""
    return torch.arange(batch * time, dtype=torch.int32).view(batch, time)


def reversal(lengths: Tensor, time: int) -> Tensor:
    """Where each position of a flattened (batch·time) batch lies once every document is reversed within its length.

    The permutation, int32, is its own inverse; padding stays where it is.

    Example:
        >>> reversal(torch.tensor([3, 1]), time=3)
        tensor([2, 1, 0, 3, 4, 5], dtype=torch.int32)
    """
    positions = torch.arange(time, dtype=torch.int32)
    lengths = lengths.int().unsqueeze(1)  # (batch, 1)
    within = torch.where(positions < lengths, lengths - 1 - positions, positions)  # (batch, time)
    return (within + time * torch.arange(len(lengths), dtype=torch.int32).unsqueeze(1)).flatten()
