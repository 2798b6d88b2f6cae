"""Batches of documents of similar length from token numbers; the same seed and epoch give the same batches everywhere.

To limit padding, documents are shuffled, sorted by length within pools of 100 batches, and cut into batches. Then
the batches are shuffled.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

BATCHES_PER_POOL = 100
DOCUMENTS_AT_ONCE = 1024  # of `chunks`
PADDED_AT_ONCE = 2**20  # tokens with padding, unless one document has more

Indices = NDArray[np.int64]


class Documents(Protocol):
    """The part of TokenizedDocuments (text/tokenizing/token_file.py) that batches need."""

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
        indices: int64 (batch,), the documents' positions in the split.
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


class Buckets(Sampler[Share]):
    """The batches of one process, epoch by epoch.

    All processes go through the same steps, and each takes every world_size-th document of a step. No document is
    repeated or skipped, and every step has at least one document for each process.

    Args:
        lengths: (documents,), tokens of each document.
        seed: the seed of the shuffling; None sorts all documents from long to short (for evaluation).
        rank: which of the `world_size` processes this is.
        start: the first batch of the first iteration, to resume within an epoch.
    """

    def __init__(
        self, lengths: NDArray[np.int32], *, seed: int | None, rank: int = 0, world_size: int = 1, start: int = 0
    ) -> None:
        self.lengths = lengths
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.start = start
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch of the next iteration; Lightning calls it."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Share]:
        start, self.start = self.start, 0
        for indices in self._steps()[start:]:
            tokens = int(self.lengths[indices].sum(dtype=np.int64))
            yield Share(indices[self.rank :: self.world_size], len(indices), tokens)

    def _steps(self) -> list[Indices]:
        """The documents of each step of the epoch, of all processes."""
        raise NotImplementedError

    def _long_to_short(self, documents: Indices) -> Indices:
        return documents[np.argsort(-self.lengths[documents], kind="stable")]


class LengthBuckets(Buckets):
    """Steps of `batch_size` documents for each process; the steps differ from epoch to epoch.

    The remaining documents form a smaller step. If they are fewer than the processes, they join a full step instead.
    """

    def __init__(self, lengths: NDArray[np.int32], batch_size: int, *, world_size: int = 1, **others: Any) -> None:
        super().__init__(lengths, world_size=world_size, **others)
        self.step_size = batch_size * world_size

    def __len__(self) -> int:
        return len(self._cuts()) + 1

    def _steps(self) -> list[Indices]:
        if self.seed is None:
            return np.split(self._long_to_short(np.arange(len(self.lengths))), self._cuts())
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.lengths))
        pools = _pools(order, self.step_size * BATCHES_PER_POOL)
        steps = np.split(np.concatenate([self._long_to_short(pool) for pool in pools]), self._cuts())
        return [steps[position] for position in generator.permutation(len(steps))]

    def _cuts(self) -> list[int]:
        """Where one step's documents end and the next one's begin."""
        cuts = list(range(self.step_size, len(self.lengths), self.step_size))
        if cuts and len(self.lengths) - cuts[-1] < self.world_size:
            cuts.pop()  # the rest has no document for each process: it joins the step before
        return cuts


class TokenBuckets(Buckets):
    """Steps with at most `batch_tokens` tokens for each process, padding included, and at least one document.

    So the memory of a step does not grow with the length of documents. If fewer documents than processes remain in a
    pool, they join its last step, which may then exceed the limit. All epochs have the same steps, in different orders:
    the schedule of the learning rate needs a fixed number of steps.

    Args:
        most: the largest number of documents for each process; None: as many as fit.
    """

    def __init__(
        self,
        lengths: NDArray[np.int32],
        batch_tokens: int,
        *,
        most: int | None = None,
        world_size: int = 1,
        **others: Any,
    ) -> None:
        super().__init__(lengths, world_size=world_size, **others)
        self._parts = self._cut(batch_tokens, most or len(lengths))

    def __len__(self) -> int:
        return len(self._parts)

    def _steps(self) -> list[Indices]:
        if self.seed is None:
            return self._parts
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self._parts))
        return [self._parts[position] for position in order]

    def _cut(self, tokens: int, most: int) -> list[Indices]:
        pools = [np.arange(len(self.lengths))]
        if self.seed is not None:
            order = np.random.default_rng(self.seed).permutation(len(self.lengths))
            usual = max(int(tokens / self.lengths.mean()), 1) * self.world_size  # documents of a step
            pools = _pools(order, usual * BATCHES_PER_POOL)
            if len(pools) > 1 and len(pools[-1]) < self.world_size:
                pools[-2:] = [np.concatenate(pools[-2:])]
        steps: list[Indices] = []
        for pool in map(self._long_to_short, pools):
            start = 0
            while start < len(pool):
                fitting = tokens // int(self.lengths[pool[start]])  # documents of a process; the longest comes first
                end = start + max(min(fitting, most), 1) * self.world_size
                if len(pool) - end < self.world_size:
                    end = len(pool)  # the rest has no document for each process: it joins this step
                steps.append(pool[start:end])
                start = end
        return steps


def _pools(order: Indices, size: int) -> list[Indices]:
    return [order[start : start + size] for start in range(0, len(order), size)]


class TokenBatches(Dataset[Batch]):
    """Makes a `Batch` of each `Share`; no more of the documents is copied."""

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


def real_tokens(documents: Documents) -> Iterator[NDArray[np.int32]]:
    """The tokens of all documents one after another, without padding: (tokens of some documents,) at a time."""
    for some in chunks(documents.lengths):
        tokens, lengths = documents.batch(some)  # (documents, longest)
        yield tokens[np.arange(tokens.shape[1]) < lengths[:, None]]


def chunks(lengths: NDArray[np.int32]) -> Iterator[Indices]:
    """All documents in their order, so many at a time that they take little memory when padded to their longest.

    Example:
        >>> [len(some) for some in chunks(np.array([1] * 1024 + [10**6], np.int32))]
        [1024, 1]
    """
    for start in range(0, len(lengths), DOCUMENTS_AT_ONCE):
        yield from _halved(np.arange(start, min(start + DOCUMENTS_AT_ONCE, len(lengths))), lengths)


def _halved(some: Indices, lengths: NDArray[np.int32]) -> Iterator[Indices]:
    """`some` documents in parts of at most PADDED_AT_ONCE tokens with padding, unless one document has more."""
    if len(some) == 1 or len(some) * int(lengths[some].max()) <= PADDED_AT_ONCE:
        yield some
    else:
        for half in np.array_split(some, 2):
            yield from _halved(half, lengths)


def loader(
    documents: Documents,
    batch_size: int | None,
    *,
    seed: int | None,
    batch_tokens: int | None = None,
    rank: int = 0,
    world_size: int = 1,
    start: int = 0,
    batches: Dataset[Any] | None = None,
) -> DataLoader[Batch]:
    """Iterates over the batches of `documents`; see `Buckets` for the arguments.

    With `batch_tokens`, batches are those of `TokenBuckets`, and `batch_size` limits their documents unless it is None.
    `batches` turns each Share into a batch; None: TokenBatches.
    """
    shared: dict[str, Any] = {"seed": seed, "rank": rank, "world_size": world_size, "start": start}
    buckets: Buckets
    if batch_tokens is None:
        assert batch_size is not None
        buckets = LengthBuckets(documents.lengths, batch_size, **shared)
    else:
        buckets = TokenBuckets(documents.lengths, batch_tokens, most=batch_size, **shared)
    return DataLoader(batches or TokenBatches(documents), sampler=buckets, batch_size=None, collate_fn=_as_it_is)


def _as_it_is(batch: Any) -> Any:
    return batch
