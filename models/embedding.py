"""Token numbers become word vectors."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from core.constants import PADDING_INDEX, UNKNOWN_INDEX
from models.dropout import TokenDropout


class IndexedVectors(NamedTuple):
    """The vectors of a batch with each different one stored once: position (b, t) has `vectors[rows[b, t]]`.

    Attributes:
        vectors: (n, size).
        rows: int32 (batch, time).
        products: x W_x of each vector for the layer that reads them, (n, gates·h) a direction; None: not computed.
    """

    vectors: Tensor
    rows: Tensor
    products: list[Tensor] | None = None


Vectors = Tensor | IndexedVectors  # (batch, time, size), as a tensor or indexed


class WordEmbedding(nn.Embedding):
    """nn.Embedding with two kinds of dropout.

    `dropout` is on the numbers of the vectors. Word dropout reads <unk> in the place of a token, each with the
    probability `word_dropout` (Bowman et al., Generating Sentences from a Continuous Space, CoNLL 2016). Iyyer et al.
    (ACL 2015) leave the token out, and Dai & Le (NeurIPS 2015) read zeros: <unk> needs no vector of its own, and
    learns what an unknown word says.

    Attributes:
        update_rows: set by an optimizer that updates rows lazily (models/cpu/adamw.py). It brings the given rows, int32
            without repetition, up to date, or all rows (None). None: all rows are up to date.
    """

    def __init__(
        self, vocabulary_size: int, size: int, dropout: float, word_dropout: float = 0.0, locked: bool = False
    ) -> None:
        super().__init__(vocabulary_size, size, padding_idx=PADDING_INDEX)
        self.dropout = TokenDropout(dropout, locked)
        self.word_dropout = word_dropout
        self.update_rows: Callable[[Tensor | None], None] | None = None

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors (batch, time, size) of `tokens` (batch, time)."""
        self.update_all()
        vectors: Tensor = self.dropout(super().forward(self.drop_words(tokens)))
        return vectors

    def drop_words(self, tokens: Tensor) -> Tensor:
        """`tokens` (batch, time), in training with <unk> for some."""
        if not (self.training and self.word_dropout):
            return tokens
        dropped = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
        return tokens.masked_fill(dropped, UNKNOWN_INDEX)

    def update_all(self) -> None:
        """Brings all rows up to date."""
        if self.update_rows is not None:
            self.update_rows(None)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        self.update_all()
        super()._save_to_state_dict(destination, prefix, keep_vars)
