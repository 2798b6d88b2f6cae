"""Token numbers become word vectors."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from config.choices import EmbeddingNormalization
from core.constants import PADDING_INDEX, UNKNOWN_INDEX
from models.dropout import TokenDropout

EPSILON = 1e-6  # beside the variance, so that nothing is divided by 0


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
    (ACL 2015) leave the token out, and Dai & Le (NeurIPS 2015) read zeros. <unk> needs no further vector, and
    training it this way prepares the model for unknown words.

    With `normalization: frequency` words are read normalized: over the training split's tokens, each number of the
    vectors has mean 0 and variance 1 (Miyato, Dai & Goodfellow 2017, section 3). So vectors cannot escape a move of
    fixed length (models/training/extra_losses.py) by growing. `weight` holds the vectors before normalization.

    Attributes:
        shares: (words,), each word's share of the training split's tokens, 0 for the padding; saved with the weights.
            None: words are read as they are. Before `count` (called in training/fit.py) all are 0.
        update_rows: set by an optimizer that updates rows lazily (models/cpu/adamw.py). A call brings the given rows,
            int32 without repetition, up to date, or all rows if it gets None. If it is not set: all are up to date.
    """

    shares: Tensor | None

    def __init__(
        self,
        vocabulary_size: int,
        size: int,
        dropout: float,
        *,
        word_dropout: float = 0.0,
        locked: bool = False,
        normalization: EmbeddingNormalization = "none",
    ) -> None:
        super().__init__(vocabulary_size, size, padding_idx=PADDING_INDEX)
        self.dropout = TokenDropout(dropout, locked)
        self.word_dropout = word_dropout
        self.register_buffer("shares", torch.zeros(vocabulary_size) if normalization == "frequency" else None)
        self.update_rows: Callable[[Tensor | None], None] | None = None

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors (batch, time, size) of `tokens` (batch, time)."""
        vectors: Tensor = self.dropout(nn.functional.embedding(self.drop_words(tokens), self.table(), PADDING_INDEX))
        return vectors

    def table(self) -> Tensor:
        """The vectors of all words as they are read, without dropout: (words, size)."""
        self.update_all()
        return self.weight if self.shares is None else normalized(self.weight, self.shares)

    def count(self, counts: Tensor) -> None:
        """Sets the shares from the `counts` (words,) of tokens, if words are normalized."""
        if self.shares is not None:
            counts = counts.double()
            counts[PADDING_INDEX] = 0
            self.shares.copy_(counts / counts.sum())

    def fold(self) -> None:
        """Makes normalized words the weights: for prediction, which then does not normalize them in each call."""
        if self.shares is not None:
            self.weight.data = self.table().detach()
            self.shares = None

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


def normalized(weight: Tensor, shares: Tensor) -> Tensor:
    """`weight` (words, size) with mean 0 and variance 1 in each column, where rows count by their `shares` (words,).

    Example:
        >>> normalized(torch.tensor([[1.0], [5.0], [9.0]]), torch.tensor([0.5, 0.5, 0.0])).flatten().tolist()
        [-0.9999998807907104, 0.9999998807907104, 2.999999761581421]
    """
    shares = shares.unsqueeze(1)
    centred = weight - (shares * weight).sum(dim=0)
    variance = (shares * centred.square()).sum(dim=0)  # (size,)
    return centred / (variance + EPSILON).sqrt()
