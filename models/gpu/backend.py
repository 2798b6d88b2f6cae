"""What a GPU computes in its own way (models/backend.py): recurrent layers run in cuDNN, on packed sequences."""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.optim import AdamW, Optimizer

from config.choices import Cell
from models.embedding import Vectors, WordEmbedding


def embed(embedding: WordEmbedding, tokens: Tensor) -> Vectors:
    """PyTorch's own look-up."""
    vectors: Tensor = embedding(tokens)
    return vectors


def prediction_embedder(
    embedding: WordEmbedding, cell: Cell, first_layer: nn.RNNBase, tokens: int
) -> Callable[[Tensor], Vectors]:
    """The same: nothing is computed in advance."""
    return embedding


def read_layer(cell: Cell, layer: nn.RNNBase, inputs: Vectors, lengths: Tensor, last_only: bool = False) -> Tensor:
    """cuDNN computes the gates of all steps from the packed batch."""
    assert isinstance(inputs, Tensor)
    packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    states, last = layer(packed)
    if last_only:
        hidden: Tensor = last[0] if cell == "lstm" else last  # (directions, batch, h)
        return hidden.transpose(0, 1).flatten(1)  # (batch, directions·h)
    return pad_packed_sequence(states, batch_first=True, total_length=inputs.shape[1])[0]


def adamw(embedding: WordEmbedding, processes: int, precision: str) -> Callable[..., Optimizer]:
    """PyTorch's, fused: one pass over the embedding, by far the largest part, instead of several.

    Not in 16-mixed, which scales gradients: a fused step unscales them itself, after they have been clipped.
    """
    return partial(AdamW, fused=precision != "16-mixed")


def kept_per_token(cell: Cell, hidden_size: int) -> int:
    """Unknown: cuDNN reserves what it needs."""
    return 0
