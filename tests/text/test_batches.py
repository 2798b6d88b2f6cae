"""Batches: every document once an epoch, similar lengths together, the same for the same seed and epoch."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from text.batches import Buckets, Indices, LengthBuckets, TokenBuckets, chunks, loader

PADDING = 1
KINDS = [LengthBuckets, TokenBuckets]  # of some documents, or of some tokens, a step
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


@pytest.mark.parametrize("kind", KINDS)
@given(
    lengths_of_documents,
    st.integers(1, 40) | st.integers(100, 4000),
    st.integers(1, 4),
    st.none() | st.integers(0, 5),
    st.integers(0, 3),
)
def test_each_epoch_holds_every_document_once_over_all_processes(
    kind: type[Any], lengths: NDArray[np.int32], size: int, world_size: int, seed: int | None, epoch: int
) -> None:
    seen = []
    steps = set()
    for rank in range(world_size):
        buckets = kind(lengths, size, seed=seed, rank=rank, world_size=world_size)
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


@pytest.mark.parametrize("kind", KINDS)
@given(lengths_of_documents, st.integers(1, 20) | st.integers(100, 4000), st.integers(0, 5), st.data())
def test_an_epoch_goes_on_where_it_stopped_and_the_next_one_is_whole(
    kind: type[Any], lengths: NDArray[np.int32], size: int, epoch: int, data: st.DataObject
) -> None:
    def batches(buckets: Buckets, epoch: int) -> list[list[int]]:
        buckets.set_epoch(epoch)
        return [share.indices.tolist() for share in buckets]

    undisturbed = kind(lengths, size, seed=1)
    start = data.draw(st.integers(0, len(undisturbed) - 1))
    resumed = kind(lengths, size, seed=1, start=start)
    assert len(resumed) == len(undisturbed)
    assert batches(resumed, epoch) == batches(undisturbed, epoch)[start:]
    assert batches(resumed, epoch + 1) == batches(undisturbed, epoch + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_and_seeds_differ_and_repeat(kind: type[Any]) -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 500).astype(np.int32)

    def order(seed: int, epoch: int) -> list[int]:
        buckets = kind(lengths, 8 if kind is LengthBuckets else 400, seed=seed)
        buckets.set_epoch(epoch)
        return [int(index) for share in buckets for index in share.indices]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


@pytest.mark.parametrize(("kind", "size"), [(LengthBuckets, 32), (TokenBuckets, 8_000)])
def test_little_padding_with_lengths_like_those_of_film_reviews(kind: type[Any], size: int) -> None:
    lengths = np.random.default_rng(0).lognormal(5.2, 0.7, 20_000).clip(10, 400).astype(np.int32)
    padded = real = 0
    for share in kind(lengths, size, seed=1):
        padded += len(share.indices) * int(lengths[share.indices].max())
        real += int(lengths[share.indices].sum())
    assert padded / real < 1.03


@given(lengths_of_documents, st.integers(1, 4000), st.integers(1, 3), st.none() | st.integers(0, 5))
def test_a_step_has_no_more_tokens_than_allowed_or_a_document_for_each_process(
    lengths: NDArray[np.int32], tokens: int, world_size: int, seed: int | None
) -> None:
    rest = int(world_size > 1)  # which is too small for all processes, and joins the step before it
    for share in TokenBuckets(lengths, tokens, seed=seed, world_size=world_size, most=7):
        fitting = max(tokens // int(lengths[share.indices].max()), 1)
        assert len(share.indices) <= min(fitting, 7) + rest


def test_all_epochs_have_the_same_steps_of_tokens_and_they_fill_what_is_allowed() -> None:
    lengths = np.random.default_rng(0).lognormal(5.2, 1.0, 5_000).clip(10, 4_000).astype(np.int32)
    buckets, epochs = TokenBuckets(lengths, 8_000, seed=1), []
    for epoch in range(2):
        buckets.set_epoch(epoch)
        epochs.append([tuple(share.indices) for share in buckets])
    assert epochs[0] != epochs[1]
    assert sorted(epochs[0]) == sorted(epochs[1])
    filled = [len(step) * int(lengths[list(step)].max()) / 8_000 for step in epochs[0]]
    assert np.mean(filled) > 0.9


def test_short_documents_are_predicted_in_the_same_batches_whatever_the_limit_of_tokens() -> None:
    lengths = np.random.default_rng(0).integers(1, 400, 1000).astype(np.int32)
    plain, limited = LengthBuckets(lengths, 128, seed=None), TokenBuckets(lengths, 2**17, most=128, seed=None)
    assert [share.indices.tolist() for share in plain] == [share.indices.tolist() for share in limited]


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


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=3000))
def test_chunks_hold_each_document_once_in_order_and_little_padding(lengths: list[int]) -> None:
    array = np.array([*lengths, 10**7], np.int32)  # one document of ten million tokens beside short ones
    parts = list(chunks(array))
    assert np.array_equal(np.concatenate(parts), np.arange(len(array)))
    assert all(len(part) == 1 or len(part) * array[part].max() <= 2**20 for part in parts)
