"""Class probabilities of documents, and how long they take."""

from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from models.classifier import TextClassifier
from text.batches import Documents, loader

BATCH_SIZE = 128
LARGEST_TABLE = 2**26  # numbers: 256 MB
REPEATS = 5  # timed predictions at most
ENOUGH_SECONDS = 5.0  # of timed predictions, after which none is added


class Timed(NamedTuple):
    """What was predicted, and how long it took.

    Attributes:
        probabilities: (documents, classes), in the order of the store.
        milliseconds_a_document: of a process that has predicted before: the median of the timed predictions, each the
            time for all documents by their number.
        startup_seconds: what the first prediction of all documents took beyond that: loading or compiling the loops.
    """

    probabilities: NDArray[np.float32]
    milliseconds_a_document: float
    startup_seconds: float


def timed_predictions(classifier: TextClassifier, documents: Documents, device: torch.device) -> Timed:
    """Predicts all documents once untimed, and then again, until the time for it is known well."""
    started = perf_counter()
    probabilities = predict(classifier, documents, device)
    first = perf_counter() - started
    seconds: list[float] = []
    while len(seconds) < REPEATS and sum(seconds) < ENOUGH_SECONDS:
        started = perf_counter()
        predict(classifier, documents, device, progress=False)
        seconds.append(perf_counter() - started)
    steady = float(np.median(seconds))
    return Timed(probabilities, steady * 1000 / len(documents.lengths), max(first - steady, 0.0))


def predict(
    classifier: TextClassifier, documents: Documents, device: torch.device, *, progress: bool = True
) -> NDArray[np.float32]:
    """Probabilities (documents, classes), in the order of the store; with a bar that shows the progress."""
    classifier.to(device).eval()
    batches = loader(documents, BATCH_SIZE, seed=None)
    probabilities = np.empty((len(documents.lengths), classifier.head.out_features), dtype=np.float32)
    with torch.inference_mode():
        tables = classifier.tables() if _pays(classifier, documents, device) else None
        for batch in track(batches, description="predicting", disable=not progress):
            logits = classifier(batch.tokens.to(device), batch.lengths, tables)  # (batch, classes)
            probabilities[batch.indices.numpy()] = logits.softmax(dim=1).float().cpu().numpy()
    return probabilities


def _pays(classifier: TextClassifier, documents: Documents, device: torch.device) -> bool:
    """Whether to multiply each word once for all batches: where there is more to read than to know, and room for it."""
    words = classifier.embedding.num_embeddings
    most = 4 * classifier.encoder.output_size * words  # as many gates as an LSTM has
    return device.type == "cpu" and most <= LARGEST_TABLE and words < documents.lengths.sum(dtype=np.int64)
