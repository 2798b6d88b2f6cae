"""Requests that come at the same time are classified together: a batch costs little more than its longest text.

Each request has a thread. One thread at a time predicts, for all that wait; whoever comes meanwhile is in the next
batch. So nobody waits for a batch to fill, and a single client is answered at once.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

CHARACTERS = 200_000  # of a batch, beyond which no request is added


class Part(NamedTuple):
    """One request's share of a batch."""

    labels: list[str]
    probabilities: Any
    lengths: Any


class _Waiting(NamedTuple):
    texts: Sequence[str]
    result: "Future[Part]"


class Batched:
    """A predictor (predictor/predictor.py, which the model brings with it) for many threads.

    Attributes:
        labels: names of the classes.
    """

    def __init__(self, predictor: Any, characters: int = CHARACTERS) -> None:
        self.labels: list[str] = predictor.labels
        self._predictor = predictor
        self._characters = characters
        self._queue: list[_Waiting] = []
        self._queue_lock, self._busy = threading.Lock(), threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Part:
        """The predictions for `texts`; in another batch the last digits may differ."""
        own = _Waiting(texts, Future())
        with self._queue_lock:
            self._queue.append(own)
        with self._busy:
            while not own.result.done():
                self._predict(self._next_batch())
        return own.result.result()

    def effects(self, text: str) -> list[tuple[str, float]]:
        """What each word of `text` adds."""
        with self._busy:
            effects: list[tuple[str, float]] = self._predictor.effects(text)
        return effects

    def _next_batch(self) -> list[_Waiting]:
        """The oldest requests, as many as fit; at least one."""
        with self._queue_lock:
            number, characters = 0, 0
            for waiting in self._queue:
                characters += sum(map(len, waiting.texts))
                if number and characters > self._characters:
                    break
                number += 1
            batch, self._queue = self._queue[:number], self._queue[number:]
        return batch

    def _predict(self, batch: list[_Waiting]) -> None:
        try:
            predictions = self._predictor([text for waiting in batch for text in waiting.texts])
        except Exception as error:
            if len(batch) == 1:
                batch[0].result.set_exception(error)
                return
            for waiting in batch:  # only the request that is to blame fails
                self._predict([waiting])
            return
        start = 0
        for waiting in batch:
            end = start + len(waiting.texts)
            labels, probabilities = predictions.labels[start:end], predictions.probabilities[start:end]
            waiting.result.set_result(Part(labels, probabilities, predictions.lengths[start:end]))
            start = end
