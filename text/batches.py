"""Batches of documents of similar length from a token store; the same seed and epoch give the same batches everywhere.

Documents are shuffled, sorted by length within pools of 100 batches, and cut into batches, which are shuffled again.
So there is little padding, and each epoch has other batches.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

BATCHES_PER_POOL = 100

Indices = NDArray[np.int64]


class Documents(Protocol):
    """The part of a token store (text/tokenizing/token_file.py) that batches need."""

    @property
    def lengths(self) -> NDArray[np.int32]:
        """(documents,): tokens of each document, at least 1."""

    @property
    def labels(self) -> NDArray[np.int32]:
        """(documents,): class of each document."""

    def batch(self, indices: Indices) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Right-padded tokens (batch, longest) and lengths (batch,)."""


class Batch(NamedTuple):
    """Some documents, ready for a classifier.

    Attributes:
        tokens: int32 (batch, time), right-padded.
        lengths: int64 (batch,).
        labels: int64 (batch,).
        indices: int64 (batch,), the documents' positions in the store.
        total: documents of this step over all processes.
        total_tokens: tokens of this step over all processes, without padding.
    """

    tokens: Tensor
    lengths: Tensor
    labels: Tensor
    indices: Tensor
    total: int
    total_tokens: int


class Share(NamedTuple):
    """One process's documents of a step; `total` and `total_tokens` count all processes' documents and tokens."""

    indices: Indices
    total: int
    total_tokens: int


class LengthBuckets(Sampler[Share]):
    """The batches of one process, epoch by epoch.

    All processes make the same batches of `batch_size` × `world_size` documents, and each takes every world_size-th
    document of them: the documents of a step do not depend on the number of processes. No document is repeated or
    skipped; the last batch may be smaller, but has a document for each process.

    Args:
        lengths: (documents,), tokens of each document.
        batch_size: documents of a process in each step.
        seed: of the shuffling; None sorts all documents from long to short (for evaluation).
        rank: which of the `world_size` processes this is.
        start: the first batch of the first iteration, to resume within an epoch.
    """

    def __init__(
        self,
        lengths: NDArray[np.int32],
        batch_size: int,
        *,
        seed: int | None,
        rank: int = 0,
        world_size: int = 1,
        start: int = 0,
    ) -> None:
        self.lengths = lengths
        self.step_size = batch_size * world_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.start = start
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the next iteration; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._cuts()) + 1

    def __iter__(self) -> Iterator[Share]:
        start, self.start = self.start, 0
        for indices in self._steps()[start:]:
            tokens = int(self.lengths[indices].sum(dtype=np.int64))
            yield Share(indices[self.rank :: self.world_size], len(indices), tokens)

    def _steps(self) -> list[Indices]:
        if self.seed is None:
            return np.split(np.argsort(-self.lengths, kind="stable"), self._cuts())
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.lengths))
        pool_size = self.step_size * BATCHES_PER_POOL
        pools = [order[start : start + pool_size] for start in range(0, len(order), pool_size)]
        by_length = np.concatenate([pool[np.argsort(-self.lengths[pool], kind="stable")] for pool in pools])
        steps = np.split(by_length, self._cuts())
        return [steps[position] for position in generator.permutation(len(steps))]

    def _cuts(self) -> list[int]:
        """Where one step's documents end and the next one's begin."""
        cuts = list(range(self.step_size, len(self.lengths), self.step_size))
        if cuts and len(self.lengths) - cuts[-1] < self.world_size:
            cuts.pop()  # the rest has no document for each process: it joins the step before
        return cuts


class TokenBatches(Dataset[Batch]):
    """Makes a `Batch` of each `Share`; nothing else is copied from the store."""

    def __init__(self, documents: Documents) -> None:
        self.documents = documents

    def __getitem__(self, share: Share) -> Batch:
        tokens, lengths = self.documents.batch(share.indices)
        return Batch(
            tokens=torch.from_numpy(tokens),
            lengths=torch.from_numpy(lengths.astype(np.int64)),
            labels=torch.from_numpy(self.documents.labels[share.indices].astype(np.int64)),
            indices=torch.from_numpy(share.indices),
            total=share.total,
            total_tokens=share.total_tokens,
        )


def loader(
    documents: Documents,
    batch_size: int,
    *,
    seed: int | None,
    rank: int = 0,
    world_size: int = 1,
    start: int = 0,
    batches: Dataset[Any] | None = None,
) -> DataLoader[Batch]:
    """Iterates over the batches of `documents`; see `LengthBuckets` for the arguments.

    `batches` makes a batch of each Share; None: TokenBatches.
    """
    buckets = LengthBuckets(documents.lengths, batch_size, seed=seed, rank=rank, world_size=world_size, start=start)
    batches = batches or TokenBatches(documents)
    return DataLoader(batches, sampler=buckets, batch_size=None, collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    return batch
