"""Classifies concurrent requests together: a batch takes little longer than its longest text alone.

Each request has a thread, which tokenizes its texts. One thread at a time classifies the texts of all waiting requests;
requests that arrive meanwhile form the next batch. So no request waits for a batch to fill, and a single client is
answered at once. The limit of a batch counts its tokens with padding, which determine its cost: a batch takes many
short texts, or a few long ones.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

TOKENS = 2**15  # limit of a batch, padding included; a single request may exceed it


class Part(NamedTuple):
    """One request's share of a batch: label, and float32 probabilities (texts, classes)."""

    labels: list[str]
    probabilities: Any


class _Waiting(NamedTuple):
    documents: Any  # as the predictor encoded them
    result: "Future[Part]"


class Batched:
    """Lets many threads share a predictor (predictor/predictor.py, in the version that is packaged with the model).

    Attributes:
        labels: names of the classes.
    """

    def __init__(self, predictor: Any, tokens: int = TOKENS) -> None:
        self.labels: list[str] = predictor.labels
        self._predictor = predictor
        self._tokens = tokens
        self._queue: list[_Waiting] = []
        self._queue_lock, self._busy = threading.Lock(), threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Part:
        """The predictions for `texts`, at least one; in another batch the last digits may differ."""
        own = _Waiting(self._predictor.encode(texts), Future())
        with self._queue_lock:
            self._queue.append(own)
        with self._busy:
            while not own.result.done():
                self._classify(self._next_batch())
        return own.result.result()

    def effects(self, text: str) -> list[tuple[str, float]]:
        """The words of `text`, each with its effect on the log-odds of the predicted label."""
        with self._busy:
            effects: list[tuple[str, float]] = self._predictor.effects(text)
        return effects

    def _next_batch(self) -> list[_Waiting]:
        """The oldest requests, as many as fit; at least one."""
        with self._queue_lock:
            number, texts, longest = 0, 0, 0
            for waiting in self._queue:
                lengths = waiting.documents.lengths
                texts, longest = texts + len(lengths), max(longest, int(lengths.max()))
                if number and texts * longest > self._tokens:
                    break
                number += 1
            batch, self._queue = self._queue[:number], self._queue[number:]
        return batch

    def _classify(self, batch: list[_Waiting]) -> None:
        try:
            predictions = self._predictor.classify(*(waiting.documents for waiting in batch))
        except Exception as error:
            for waiting in batch:
                waiting.result.set_exception(error)
            return
        start = 0
        for waiting in batch:
            end = start + len(waiting.documents.lengths)
            waiting.result.set_result(Part(predictions.labels[start:end], predictions.probabilities[start:end]))
            start = end
