"""Requests that come while a prediction runs share the next one, and each gets its own part."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
import pytest

from serving.batching import Batched, Part


class Slow:
    """A predictor whose first call waits until it is released; labels are the texts themselves."""

    labels = ("a",)

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.started, self.released = Event(), Event()

    def __call__(self, texts: Sequence[str]) -> Part:
        self.batches.append(list(texts))
        self.started.set()
        self.released.wait(60)
        if "bad" in texts:
            raise ValueError("bad")
        lengths = np.array([len(text) for text in texts])
        return Part(list(texts), lengths[:, None], lengths)


def run(slow: Any, batched: Batched, requests: list[list[str]]) -> list[Any]:
    """The parts, or errors, of the requests; all but the first wait while it runs."""
    with ThreadPoolExecutor(len(requests)) as threads:
        first = threads.submit(batched, requests[0])
        slow.started.wait(60)
        others = [threads.submit(batched, texts) for texts in requests[1:]]
        while len(batched._queue) < len(others):
            pass
        slow.released.set()
        return [future.exception() or future.result() for future in (first, *others)]


def test_those_that_wait_share_a_batch_and_get_their_own_part() -> None:
    slow = Slow()
    requests = [["one"], ["two", "three"], ["four"], ["five"] * 3]
    parts = run(slow, Batched(slow), requests)
    assert [part.labels for part in parts] == requests
    assert [part.lengths.tolist() for part in parts] == [[3], [3, 5], [4], [4, 4, 4]]
    assert [len(batch) for batch in slow.batches] == [1, 6]


def test_a_batch_ends_where_its_characters_do() -> None:
    slow = Slow()
    run(slow, Batched(slow, characters=10), [["a"], ["b" * 6], ["c" * 6], ["d" * 40], ["e"]])
    assert all(len(batch) == 1 or sum(map(len, batch)) <= 10 for batch in slow.batches)


def test_only_the_request_that_is_to_blame_fails() -> None:
    slow = Slow()
    one, two, three = run(slow, Batched(slow), [["a"], ["bad"], ["b"]])
    assert (one.labels, three.labels) == (["a"], ["b"])
    with pytest.raises(ValueError, match="bad"):
        raise two
