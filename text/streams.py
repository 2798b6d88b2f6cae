"""Documents as a stream of tokens, which a language model reads in chunks.

The documents of an epoch are concatenated, and a boundary follows each: the padding token, whose vector is 0 and stays
0. So a model learns where texts end without an extra token in the vocabulary, and a classifier can use its embedding
unchanged. Rows that are read side by side are equal parts of the stream (Merity, Keskar & Socher 2018; Howard & Ruder
2018).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from core.constants import PADDING_INDEX
from text.batches import Indices

BOUNDARY = PADDING_INDEX
HELD_OUT_SHARE, MOST_HELD_OUT = 0.02, 500  # documents


class Texts(Protocol):
    """The part of TokenizedDocuments (text/tokenizing/token_file.py) that streams need."""

    @property
    def lengths(self) -> NDArray[np.int32]:
        """(documents,): tokens of each document."""

    def tokens(self, index: int) -> NDArray[np.int32]:
        """The tokens of one document."""


class Chunk(NamedTuple):
    """What a model reads in one step, by direction.

    Attributes:
        inputs: int32 (rows, time).
        targets: int64 (rows, time), the token after each.
    """

    inputs: dict[str, Tensor]
    targets: dict[str, Tensor]


def hold_out(documents: int, seed: int) -> tuple[Indices, Indices]:
    """The documents to learn from, and a random HELD_OUT_SHARE of all for testing, but 1 to MOST_HELD_OUT.

    >>> learned, held_out = hold_out(100, seed=1)
    >>> len(learned), len(held_out)
    (98, 2)
    """
    held_out = min(max(round(documents * HELD_OUT_SHARE), 1), MOST_HELD_OUT)
    order = np.random.default_rng(seed).permutation(documents)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def count_targets(texts: Texts, indices: Indices, words: int) -> NDArray[np.int64]:
    """(words,): how often each token is a target in the documents at `indices`; the boundary is once in each."""
    tokens = np.concatenate([texts.tokens(int(index)) for index in indices])
    counts = np.bincount(tokens, minlength=words)
    counts[BOUNDARY] += len(indices)
    return counts


class Chunks(Sampler[Chunk]):
    """The chunks of an epoch, in order; a model carries its states from each chunk to the next.

    The backward direction reads the same stream from its end. Each direction leaves out fewer than `rows` tokens at the
    end of its stream, so that all rows have the same length.

    Args:
        texts: all documents.
        indices: the documents to read.
        rows: the number of rows that are read side by side; fewer if there are too few tokens.
        time: the number of tokens of a row in each chunk; the last chunk may have fewer.
        directions: forward, backward, or both.
        seed: the seed of the documents' order in each epoch; None: the order of `indices`.
        start: the first chunk of the first iteration, to resume within an epoch.
    """

    def __init__(
        self,
        texts: Texts,
        indices: Indices,
        *,
        rows: int,
        time: int,
        directions: Sequence[str],
        seed: int | None = None,
        start: int = 0,
    ) -> None:
        self.texts, self.indices, self.time = texts, indices, time
        self.directions, self.seed, self.start, self.epoch = directions, seed, start, 0
        tokens = int(texts.lengths[indices].sum(dtype=np.int64)) + len(indices) + 1
        self.rows = max(min(rows, tokens // (time + 1)), 1)
        self.width = tokens // self.rows

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the next iteration; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-(self.width - 1) // self.time)

    def __iter__(self) -> Iterator[Chunk]:
        start, self.start = self.start, 0
        stream = self._stream()
        read = {"forward": stream, "backward": stream[::-1]}
        size = self.rows * self.width
        rows = {name: torch.from_numpy(read[name][:size].copy()).view(self.rows, -1) for name in self.directions}
        for first in range(start * self.time, self.width - 1, self.time):
            last = min(first + self.time, self.width - 1)
            inputs = {name: tokens[:, first:last].contiguous() for name, tokens in rows.items()}
            targets = {name: tokens[:, first + 1 : last + 1].long() for name, tokens in rows.items()}
            yield Chunk(inputs, targets)

    def _stream(self) -> NDArray[np.int32]:
        """Boundary, document, boundary, document, …, boundary."""
        order = self.indices
        if self.seed is not None:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(order)
        boundary = np.array([BOUNDARY], np.int32)
        parts = [part for index in order for part in (boundary, self.texts.tokens(int(index)))]
        return np.concatenate([*parts, boundary])


def chunk_loader(chunks: Chunks) -> DataLoader[Chunk]:
    """Iterates over `chunks`."""
    return DataLoader(_AsTheyAre(), sampler=chunks, batch_size=None, collate_fn=_as_it_is)


class _AsTheyAre(Dataset[Chunk]):
    def __getitem__(self, chunk: Chunk) -> Chunk:
        return chunk


def _as_it_is(chunk: Any) -> Any:
    return chunk
