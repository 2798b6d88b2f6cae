"""What a GPU computes in its own way (models/backend.py).

LSTMs of at most WIDEST units run in our kernel (models/gpu/lstm.py), all other layers in cuDNN (models/gpu/cudnn.py);
`fits_kernel` names the other conditions. `import f as f` makes a function of another module one of this backend.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.optim import AdamW, Optimizer

from config.choices import Cell
from models.averaging import AveragingAdamW, Share
from models.embedding import Vectors, WordEmbedding
from models.gpu import cudnn
from models.gpu.documents import batches as batches
from models.padding import padding
from models.pieces import padded_time, piece_lengths
from models.weights import Weights, weights_of

WIDEST = 64
"""The largest hidden size whose W_h fits into the registers of one program: 64 KiB in float32."""


def embed(embedding: WordEmbedding, tokens: Tensor) -> Vectors:
    """PyTorch's own look-up."""
    vectors: Tensor = embedding(tokens)
    return vectors


def by_position(vectors: Vectors) -> Tensor:
    """The vectors themselves, which are one tensor already."""
    assert isinstance(vectors, Tensor)
    return vectors


def prediction_embedder(
    embedding: WordEmbedding, cell: Cell, first_layer: nn.RNNBase, tokens: int
) -> Callable[[Tensor], Vectors]:
    """The embedding itself: nothing is computed in advance."""
    return embedding


def read_layer(
    cell: Cell,
    layer: nn.RNNBase,
    inputs: Vectors,
    lengths: Tensor,
    last_only: bool = False,
    segment: int | None = None,
    weight_drop: float = 0.0,
) -> Tensor:
    """Reads with our kernel if it fits the layer, otherwise with cuDNN."""
    assert isinstance(inputs, Tensor)
    lengths = lengths.to(inputs.device)
    weights = weights_of(layer, weight_drop)
    if segment is None:
        return _read(cell, layer, weights, inputs, lengths, last_only)
    batch, time, size = inputs.shape
    whole = padded_time(time, segment)
    segment = min(segment, whole)
    inputs = pad(inputs, (0, 0, 0, whole - time)).view(-1, segment, size)  # (pieces, segment, size)
    # Pieces that are padding alone are read as well, since a CUDA graph has fixed shapes.
    of_pieces = piece_lengths(lengths, whole, segment).flatten().clamp(min=1)
    return _read(cell, layer, weights, inputs, of_pieces, last_only=False).reshape(batch, whole, -1)


def _read(
    cell: Cell, layer: nn.RNNBase, weights: Sequence[Weights], inputs: Tensor, lengths: Tensor, last_only: bool
) -> Tensor:
    """States (batch, time, directions·h) or (batch, directions·h) with the `weights` of each direction."""
    if not fits_kernel(cell, layer, inputs):
        return cudnn.read_layer(cell, layer, weights, inputs, lengths, last_only)
    from models.gpu import lstm  # imports triton, which machines without a GPU may lack

    directions = [[tensor.unsqueeze(0) for tensor in direction] for direction in weights]
    if torch.is_autocast_enabled("cuda"):
        inputs = inputs.to(torch.get_autocast_dtype("cuda"))
    with torch.autocast("cuda", enabled=False):
        states = lstm.read(inputs.unsqueeze(0), lengths.int().unsqueeze(0), directions, last_only=last_only)
    return states.squeeze(0)  # (batch, time, directions·h) or (batch, directions·h)


def fits_kernel(cell: Cell, layer: nn.RNNBase, inputs: Tensor) -> bool:
    """Whether models/gpu/lstm.py can read the layer: it adds up in float32, and keeps gates in float32 or bfloat16."""
    if cell != "lstm" or layer.hidden_size > WIDEST or not inputs.is_cuda or not _has_triton():
        return False
    mixed = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else inputs.dtype
    return mixed in (torch.float32, torch.bfloat16)


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def max_pooling(states: Tensor, lengths: Tensor) -> Tensor:
    """Finds the maxima without a gradient; the backward pass of gather writes only their positions."""
    with torch.no_grad():
        lowest = torch.finfo(states.dtype).min
        places = states.masked_fill(padding(states, lengths), lowest).max(dim=1, keepdim=True).indices
    return states.gather(1, places).squeeze(1)  # (batch, time, size) -> (batch, size)


def adamw(
    embedding: WordEmbedding, processes: int, precision: str, averaging: Share | None = None
) -> Callable[..., Optimizer]:
    """PyTorch's AdamW, fused: one pass over the embedding, by far the largest part, instead of several.

    It is not fused in 16-mixed, which scales gradients: a fused step would unscale them itself, after clipping.
    """
    scales = precision == "16-mixed"
    kind: Callable[..., Optimizer] = AdamW if averaging is None else partial(AveragingAdamW, averaging=averaging)
    return partial(kind, fused=not scales, capturable=not scales)  # capturable: by CUDA graphs


def kept_per_token(cell: Cell, hidden_size: int) -> int:
    """The gates, and our kernel's states and cells before each step; what cuDNN reserves is unknown."""
    gates: dict[Cell, Any] = {"rnn": 1, "gru": 3, "lstm": 6}
    return int(gates[cell]) * hidden_size
