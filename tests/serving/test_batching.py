"""Requests that come while a batch is classified share the next one, and each gets its own part."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, NamedTuple

import numpy as np
import pytest

from serving.batching import Batched, Part


class Documents(NamedTuple):
    """Texts whose characters are their tokens."""

    texts: list[str]

    @property
    def lengths(self) -> Any:
        return np.array([len(text) for text in self.texts])


class Slow:
    """A predictor whose first batch waits until it is released; labels are the texts themselves."""

    labels = ("a",)

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.started, self.released = Event(), Event()

    def encode(self, texts: Sequence[str]) -> Documents:
        if "no text" in texts:
            raise ValueError("no text")
        return Documents(list(texts))

    def classify(self, *documents: Documents) -> Part:
        self.batches.append([text for each in documents for text in each.texts])
        self.started.set()
        self.released.wait(60)
        if "bad" in self.batches[-1]:
            raise MemoryError("bad")
        return Part(self.batches[-1], np.array([[len(text)] for text in self.batches[-1]]))


def run(slow: Slow, batched: Batched, requests: list[list[str]]) -> list[Any]:
    """The parts, or errors, of the requests; all but the first wait while it runs, in this order."""
    with ThreadPoolExecutor(len(requests)) as threads:
        futures = [threads.submit(batched, requests[0])]
        slow.started.wait(60)
        for texts in requests[1:]:
            before = len(batched._queue)
            futures.append(threads.submit(batched, texts))
            while len(batched._queue) == before and not futures[-1].done():
                pass
        slow.released.set()
        return [future.exception() or future.result() for future in futures]


def test_those_that_wait_share_a_batch_and_get_their_own_part() -> None:
    slow = Slow()
    requests = [["one"], ["two", "three"], ["four"], ["five"] * 3]
    parts = run(slow, Batched(slow), requests)
    assert [part.labels for part in parts] == requests
    assert [part.probabilities.tolist() for part in parts] == [[[3]], [[3], [5]], [[4]], [[4], [4], [4]]]
    assert [len(batch) for batch in slow.batches] == [1, 6]


def test_a_batch_ends_where_its_padded_tokens_do() -> None:
    """Twelve short texts fit into one of 24 tokens; beside one of 12 tokens there is room for one text."""
    slow = Slow()
    short, long = [["ab"]] * 12, [["c" * 12]]
    run(slow, Batched(slow, tokens=24), [["first"], *short, *long, ["d"], ["e" * 40], ["f"]])
    assert slow.batches[1:] == [["ab"] * 12, ["c" * 12, "d"], ["e" * 40], ["f"]]


def test_a_text_that_cannot_be_encoded_fails_alone() -> None:
    slow = Slow()
    one, two, three = run(slow, Batched(slow), [["a"], ["no text"], ["b"]])
    assert (one.labels, three.labels) == (["a"], ["b"])
    with pytest.raises(ValueError, match="no text"):
        raise two


def test_a_batch_that_fails_fails_for_each_of_its_requests_and_the_next_is_answered() -> None:
    slow = Slow()
    batched = Batched(slow, tokens=6)
    one, two, three, four = run(slow, batched, [["a"], ["bad"], ["abc"], ["d" * 7]])
    assert (one.labels, four.labels) == (["a"], ["d" * 7])
    assert isinstance(two, MemoryError) and isinstance(three, MemoryError)
