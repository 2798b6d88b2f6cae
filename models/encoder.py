"""The recurrent encoder: stacked RNN, GRU or LSTM layers that read right-padded documents in one or both directions.

PyTorch's layers hold the weights. models/backend.py selects what computes with them: custom kernels on the CPU,
a Triton kernel or cuDNN on a GPU.
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from config.choices import Cell, RecurrentInit
from models.backend import backend
from models.dropout import TokenDropout
from models.embedding import Vectors
from models.initialization import orthogonal_recurrent_weights, set_forget_bias


class RecurrentEncoder(nn.Module):
    """Vectors of documents in, a state for every position out.

    Attributes:
        directions: 1 or 2.
        output_size: the size of a state: hidden_size · directions.
        segment: every so many tokens the states start anew (models/pieces.py); None: at no token.
        weight_drop: the share of W_h that a training step drops (models/weights.py).
        layers: one nn.RNNBase per layer; with two directions its `_reverse` weights read backwards.
        frozen_biases: the second bias vectors, if `single_bias` keeps them at 0 and out of training; else none.

    Example:
        >>> import torch
        >>> encoder = RecurrentEncoder("lstm", input_size=3, hidden_size=2, bidirectional=True)
        >>> encoder(torch.zeros(5, 7, 3), torch.tensor([7, 7, 3, 2, 1])).shape
        torch.Size([5, 7, 4])
    """

    layers: Sequence[nn.RNNBase]

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        layer_dropout: float = 0.0,
        locked_dropout: bool = False,
        weight_drop: float = 0.0,
        segment: int | None = None,
        single_bias: bool = False,
        forget_bias: float | None = None,
        recurrent_init: RecurrentInit = "uniform",
    ) -> None:
        super().__init__()
        self.cell: Cell = cell
        self.hidden_size = hidden_size
        self.bidirectional = bidirectional
        self.segment = segment
        self.weight_drop = weight_drop
        self.directions = 2 if bidirectional else 1
        self.output_size = hidden_size * self.directions
        layer_class: Callable[..., nn.RNNBase] = getattr(nn, cell.upper())  # nn.RNN, nn.GRU or nn.LSTM
        self.layers = nn.ModuleList(  # type: ignore[assignment]  # whose elements have no type
            layer_class(size, hidden_size, batch_first=True, bidirectional=bidirectional)
            for size in [input_size] + [self.output_size] * (layers - 1)
        )
        for layer in self.layers:
            if recurrent_init == "orthogonal":
                orthogonal_recurrent_weights(layer)
            if forget_bias is not None:
                set_forget_bias(layer, forget_bias)
        self.dropout = TokenDropout(layer_dropout, locked_dropout)
        # PyTorch adds two bias vectors for each gate, one of which is enough; its kernels require both.
        self.frozen_biases = {
            weights
            for name, weights in self.named_parameters()
            if single_bias and name.rpartition(".")[2].startswith("bias_hh")
        }
        for weights in self.frozen_biases:
            nn.init.zeros_(weights).requires_grad_(False)

    def forward(self, inputs: Vectors, lengths: Tensor) -> Tensor:
        """States of the last layer.

        Args:
            inputs: (batch, time, input_size), right-padded.
            lengths: (batch,) on the CPU, each from 1 to time.

        Returns:
            (batch, time, output_size), with `segment` padded to whole pieces. States at padding are finite, but
            otherwise arbitrary.
        """
        return self._read(inputs, lengths, last_only=False)

    def last_states(self, inputs: Vectors, lengths: Tensor) -> Tensor:
        """The last state of each direction in the last layer: (batch, output_size). Arguments as `forward`.

        Not with `segment`.
        """
        return self._read(inputs, lengths, last_only=True)

    def _read(self, inputs: Vectors, lengths: Tensor, last_only: bool) -> Tensor:
        read_layer = partial(
            backend(next(self.parameters()).device).read_layer,
            segment=self.segment,
            weight_drop=self.weight_drop if self.training else 0.0,
        )
        *lower, top = self.layers
        for layer in lower:
            inputs = self.dropout(read_layer(self.cell, layer, inputs, lengths))  # (batch, time, output_size)
        return read_layer(self.cell, top, inputs, lengths, last_only)
