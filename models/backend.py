"""What CPU and GPU compute differently, as one interface; models/cpu/backend.py and models/gpu/backend.py implement it.

The rest of `models` calls these functions and nothing else in the two folders, but for CUDA graphs and the documents
that they read, which models/training/module.py uses. Shapes: `lengths` is int64 (batch,), each from 1 to time;
documents are right-padded; a layer is a single-layer nn.RNN, nn.GRU or nn.LSTM that holds the weights.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Dataset

import models.cpu.backend
import models.gpu.backend
from config.choices import Cell
from models.averaging import Share
from models.embedding import Vectors, WordEmbedding
from text.batches import Documents


class Backend(Protocol):
    """The functions that each kind of device computes in its own way."""

    def batches(self, documents: Documents, device: torch.device) -> Dataset[Any]:
        """Makes a Batch, or an object with a Batch's attributes, from each Share of `documents` (text/batches.py)."""

    def embed(self, embedding: WordEmbedding, tokens: Tensor) -> Vectors:
        """`embedding(tokens)`: (batch, time, size) for `tokens` (batch, time)."""

    def by_position(self, vectors: Vectors) -> Tensor:
        """What `embed` returned as one tensor (batch, time, size)."""

    def prediction_embedder(
        self, embedding: WordEmbedding, cell: Cell, first_layer: nn.RNNBase, tokens: int
    ) -> Callable[[Tensor], Vectors]:
        """`embed` for a trained model whose `first_layer` is going to read `tokens` in many batches."""

    def read_layer(
        self,
        cell: Cell,
        layer: nn.RNNBase,
        inputs: Vectors,
        lengths: Tensor,
        last_only: bool = False,
        segment: int | None = None,
        weight_drop: float = 0.0,
    ) -> Tensor:
        """The layer's states (batch, time, directions·h); from a document's length on they are arbitrary, but finite.

        With `last_only`, only the state that each direction computes last: (batch, directions·h). With `segment`, which
        excludes `last_only`, states start anew after every `segment` tokens, in both directions (models/pieces.py);
        time is then rounded up to whole pieces. `weight_drop`: see models/weights.py.
        """

    def max_pooling(self, states: Tensor, lengths: Tensor) -> Tensor:
        """The maximum of each number over a document's positions: (batch, size) for states (batch, time, size)."""

    def adamw(
        self, embedding: WordEmbedding, processes: int, precision: str, averaging: Share | None = None
    ) -> Callable[..., Optimizer]:
        """AdamW, to be called with weights, lr and weight_decay, for `processes` that train together.

        With `averaging` its state has an average of each weight (models/averaging.py).
        """

    def kept_per_token(self, cell: Cell, hidden_size: int) -> int:
        """How many numbers per token a layer's direction keeps for the backward pass, at least, besides its output."""


def backend(device: torch.device) -> Backend:
    """The functions for tensors on `device`."""
    return models.gpu.backend if device.type == "cuda" else models.cpu.backend
