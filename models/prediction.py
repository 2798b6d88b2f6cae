"""Class probabilities of documents, and how long they take."""

from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from models.backend import backend
from models.classifier import TextClassifier
from models.weights import weights_of
from text.batches import Documents, loader

BATCH_SIZE = 128  # most documents in a batch on a CPU
BATCH_TOKENS = 2**17  # most tokens in it, with padding, so that memory does not grow with the documents' length
LARGEST_BATCH = 1024  # on a GPU
SHARE_OF_MEMORY = 1 / 16  # of a GPU, for what a batch takes
REPEATS = 3  # timed predictions at most
ENOUGH_SECONDS = 5.0  # of timed predictions, after which none is added


class Timed(NamedTuple):
    """Predictions and how long they took.

    Attributes:
        probabilities: (documents, classes), in the order of the store.
        milliseconds_a_document: of a process that has predicted before: the median of the timed predictions, each the
            time for all documents divided by their number.
        startup_seconds: how much longer the first prediction of all documents took: loading or compiling the loops.
    """

    probabilities: NDArray[np.float32]
    milliseconds_a_document: float
    startup_seconds: float


def timed_predictions(classifier: TextClassifier, documents: Documents, device: torch.device) -> Timed:
    """Predicts all documents once untimed, then timed: REPEATS times, or fewer where that takes ENOUGH_SECONDS."""
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
    """Probabilities (documents, classes), in the order of the store; with a progress bar."""
    classifier.to(device).eval()
    encoder = classifier.encoder
    made = backend(device).batches(documents, device)
    if device.type == "cuda":
        batch_size = documents_at_once(classifier, int(documents.lengths.max()), device)
        batches = loader(documents, batch_size, seed=None, batches=made)
    else:
        batches = loader(documents, BATCH_SIZE, batch_tokens=BATCH_TOKENS, seed=None, batches=made)
    probabilities = np.empty((len(documents.lengths), classifier.head.out_features), dtype=np.float32)
    with torch.inference_mode():
        tokens = int(documents.lengths.sum(dtype=np.int64))
        embed = backend(device).prediction_embedder(classifier.embedding, encoder.cell, encoder.layers[0], tokens)
        shown = track(batches, description="predicting") if progress else batches  # a hidden bar starts a thread, too
        for batch in shown:
            tokens, lengths = batch.tokens.to(device), batch.lengths.to(device)
            logits = classifier.classify(embed(tokens), lengths)  # (batch, classes)
            logits = classifier.with_ngrams(logits, tokens, lengths)
            probabilities[batch.indices.numpy()] = logits.softmax(dim=1).float().cpu().numpy()
    return probabilities


def documents_at_once(classifier: TextClassifier, longest: int, device: torch.device) -> int:
    """How many documents a batch may have if its longest document has `longest` tokens; on a GPU, this is the size of
    all batches.

    It depends on the GPU's total memory, not on what is free, since the last digits of results depend on the batch.
    """
    if device.type != "cuda":
        return min(max(BATCH_TOKENS // longest, 1), BATCH_SIZE)
    encoder = classifier.encoder
    _, weight_hh, *_ = weights_of(encoder.layers[0])[0]  # (gates·h, h)
    gates = weight_hh.shape[0] // weight_hh.shape[1]
    numbers = 2 * classifier.embedding.embedding_dim + (gates + 2) * encoder.output_size  # of a token, at one layer
    memory = torch.cuda.get_device_properties(device).total_memory * SHARE_OF_MEMORY
    return int(min(max(memory // (8 * numbers * longest), 1), LARGEST_BATCH))
