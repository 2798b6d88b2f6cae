"""What the CPU computes in its own way (models/backend.py): custom recurrent kernels, which multiply each word once."""

from collections.abc import Iterable

from torch import Tensor
from torch.optim import Optimizer

from models.cpu.adamw import RowwiseAdamW
from models.cpu.recurrence import kept_per_token, read_layer
from models.cpu.words import embed, prediction_embedder
from models.embedding import WordEmbedding

__all__ = ["build_optimizer", "embed", "kept_per_token", "prediction_embedder", "read_layer"]


def build_optimizer(
    weights: Iterable[Tensor],
    embedding: WordEmbedding,
    *,
    learning_rate: float,
    weight_decay: float,
    processes: int,
    precision: str,
) -> Optimizer:
    """AdamW that updates the embedding's rows lazily; several processes add up their gradients, which must be dense."""
    lazy = embedding if processes == 1 else None
    return RowwiseAdamW(weights, lr=learning_rate, weight_decay=weight_decay, lazy=lazy)
