"""Dropout on the vectors of documents: on each number by itself, or locked."""

from torch import Tensor, nn
from torch.nn.functional import dropout


class TokenDropout(nn.Dropout):
    """Dropout on vectors (batch, time, size).

    Locked, it drops the same numbers of all vectors of a document: variational dropout (Gal & Ghahramani, A
    Theoretically Grounded Application of Dropout in Recurrent Neural Networks, NeurIPS 2016).

    Example:
        >>> import torch
        >>> vectors = TokenDropout(0.5, locked=True)(torch.ones(1, 3, 8))
        >>> bool((vectors == vectors[:, :1]).all())
        True
    """

    def __init__(self, p: float, locked: bool) -> None:
        super().__init__(p)
        self.locked = locked

    @property
    def drops(self) -> bool:
        """Whether it changes anything now."""
        return self.training and self.p > 0

    def forward(self, vectors: Tensor) -> Tensor:
        """(batch, time, size), as `vectors`."""
        if not (self.locked and self.drops):
            return super().forward(vectors)
        return vectors * self.mask(vectors, len(vectors)).unsqueeze(1)

    def mask(self, vectors: Tensor, documents: int) -> Tensor:
        """Factors of the vectors (…, size) of each document when locked, 0 or 1 / (1 − p): (documents, size)."""
        return dropout(vectors.new_ones(documents, vectors.shape[-1]), self.p)
