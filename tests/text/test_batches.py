"""Batches: every document once an epoch, similar lengths together, the same for the same seed and epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from text.batches import Indices, LengthBuckets, loader

PADDING = 1
lengths_of_documents = st.lists(st.integers(1, 400), min_size=4, max_size=300).map(lambda x: np.array(x, np.int32))


class MemoryDocuments:
    """Documents whose tokens are their own number, so that a mix-up shows."""

    def __init__(self, lengths: NDArray[np.int32]) -> None:
        self.lengths = lengths
        self.labels = (lengths % 3).astype(np.int32)

    def batch(self, indices: Indices) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        lengths = self.lengths[indices]
        tokens = np.full((len(indices), lengths.max()), PADDING, np.int32)
        for row, (index, length) in enumerate(zip(indices, lengths, strict=True)):
            tokens[row, :length] = index + 2
        return tokens, lengths


@given(lengths_of_documents, st.integers(1, 40), st.integers(1, 4), st.integers(0, 5), st.integers(0, 3))
def test_each_epoch_holds_every_document_once_over_all_processes(
    lengths: NDArray[np.int32], batch_size: int, world_size: int, seed: int, epoch: int
) -> None:
    seen = []
    steps = set()
    for rank in range(world_size):
        buckets = LengthBuckets(lengths, batch_size, seed=seed, rank=rank, world_size=world_size)
        buckets.set_epoch(epoch)
        shares = list(buckets)
        assert len(shares) == len(buckets)
        assert all(len(share.indices) > 0 for share in shares)
        steps.add(tuple(share.total for share in shares))
        seen += [index for share in shares for index in share.indices]
    assert sorted(seen) == list(range(len(lengths)))
    assert len(steps) == 1  # every process knows the same totals
    assert sum(steps.pop()) == len(lengths)


@given(lengths_of_documents, st.integers(1, 20), st.integers(0, 5))
def test_two_processes_share_the_steps_of_one_with_twice_the_batch(
    lengths: NDArray[np.int32], batch_size: int, seed: int
) -> None:
    alone = [set(share.indices) for share in LengthBuckets(lengths, 2 * batch_size, seed=seed)]
    pair = [LengthBuckets(lengths, batch_size, seed=seed, rank=rank, world_size=2) for rank in (0, 1)]
    shared = [set(one.indices) | set(other.indices) for one, other in zip(*pair, strict=True)]
    # A single left-over document joins the step before it where two processes would have to share it.
    assert shared == alone or sum(map(len, shared)) == sum(map(len, alone)) == len(lengths)


@given(lengths_of_documents, st.integers(1, 20), st.integers(0, 5), st.data())
def test_an_epoch_goes_on_where_it_stopped_and_the_next_one_is_whole(
    lengths: NDArray[np.int32], batch_size: int, epoch: int, data: st.DataObject
) -> None:
    def batches(buckets: LengthBuckets, epoch: int) -> list[list[int]]:
        buckets.set_epoch(epoch)
        return [share.indices.tolist() for share in buckets]

    undisturbed = LengthBuckets(lengths, batch_size, seed=1)
    start = data.draw(st.integers(0, len(undisturbed) - 1))
    resumed = LengthBuckets(lengths, batch_size, seed=1, start=start)
    assert len(resumed) == len(undisturbed)
    assert batches(resumed, epoch) == batches(undisturbed, epoch)[start:]
    assert batches(resumed, epoch + 1) == batches(undisturbed, epoch + 1)


def test_epochs_and_seeds_differ_and_repeat() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 500).astype(np.int32)

    def order(seed: int, epoch: int) -> list[int]:
        buckets = LengthBuckets(lengths, 8, seed=seed)
        buckets.set_epoch(epoch)
        return [int(index) for share in buckets for index in share.indices]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_little_padding_with_lengths_like_those_of_film_reviews() -> None:
    lengths = np.random.default_rng(0).lognormal(5.2, 0.7, 20_000).clip(10, 400).astype(np.int32)
    padded = real = 0
    for share in LengthBuckets(lengths, 32, seed=1):
        padded += len(share.indices) * int(lengths[share.indices].max())
        real += int(lengths[share.indices].sum())
    assert padded / real < 1.03


def test_without_a_seed_documents_come_from_long_to_short() -> None:
    lengths = np.array([3, 9, 1, 9], np.int32)
    assert [int(index) for share in LengthBuckets(lengths, 3, seed=None) for index in share.indices] == [1, 3, 0, 2]


@pytest.mark.parametrize("seed", [None, 7])
def test_a_batch_carries_what_belongs_to_its_documents(seed: int | None) -> None:
    documents = MemoryDocuments(np.array([5, 1, 7, 2, 2, 9], np.int32))
    for batch in loader(documents, 4, seed=seed):
        for row, index in enumerate(batch.indices.tolist()):
            length = int(batch.lengths[row])
            assert length == documents.lengths[index]
            assert batch.labels[row] == documents.labels[index]
            assert batch.tokens[row, :length].tolist() == [index + 2] * length
            assert batch.tokens[row, length:].tolist() == [PADDING] * (batch.tokens.shape[1] - length)
