"""What the CPU computes in its own way (models/backend.py): custom recurrent kernels, which multiply each word once.

`import f as f` makes a function of another module one of this backend.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch.optim import Optimizer

from models.averaging import Share
from models.cpu.adamw import RowwiseAdamW
from models.cpu.max_pooling import max_pooling as max_pooling
from models.cpu.recurrence import kept_per_token as kept_per_token
from models.cpu.recurrence import read_layer as read_layer
from models.cpu.word_vectors import by_position as by_position
from models.cpu.word_vectors import embed as embed
from models.cpu.word_vectors import prediction_embedder as prediction_embedder
from models.embedding import WordEmbedding
from text.batches import Documents, TokenBatches


def batches(documents: Documents, device: torch.device) -> TokenBatches:
    """Batches from the token file."""
    return TokenBatches(documents)


def adamw(
    embedding: WordEmbedding, processes: int, precision: str, averaging: Share | None = None
) -> Callable[..., Optimizer]:
    """AdamW that updates the embedding's rows lazily, unless each row has a gradient in every step.

    Each row has one if embeddings are normalized, and with several processes, whose summed gradients must be dense.
    """
    lazy = embedding if processes == 1 and embedding.shares is None else None
    return partial(RowwiseAdamW, lazy=lazy, averaging=averaging)
