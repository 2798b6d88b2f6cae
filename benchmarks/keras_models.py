"""Keras 3 as in its own examples (pad_sequences, fit, predict), and with length-bucketed batches.

A bucketed batch is padded to a multiple of 32 tokens, so that JAX compiles few shapes: 13 for up to 400 tokens.
"""

import os
import time
from typing import Any

import numpy as np

from benchmarks.corpus import MAX_TOKENS, VOCABULARY_SIZE, Documents
from benchmarks.shape import Shape

MULTIPLE = 32
BATCHES_PER_POOL = 100  # as in text/batches.py, which needs PyTorch


def train(documents: Documents, shape: Shape, batch_size: int, candidate: str) -> float:
    """Real tokens per second of an epoch, after steps that compile all shapes."""
    keras, model = build(shape, candidate)
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    if candidate.endswith("bucketed"):
        batches = _sequence(keras, documents, _shuffled(documents.lengths, batch_size))
        model.fit(batches, verbose=0)
        started = time.perf_counter()
        model.fit(batches, verbose=0)
    else:
        tokens = keras.utils.pad_sequences(documents.sequences(), MAX_TOKENS, value=1, truncating="post")
        model.fit(tokens[: 2 * batch_size], documents.labels[: 2 * batch_size], batch_size=batch_size, verbose=0)
        started = time.perf_counter()
        model.fit(tokens, documents.labels, batch_size=batch_size, verbose=0)
    return float(documents.lengths.sum() / (time.perf_counter() - started))


def predictor(shape: Shape, batch_size: int, candidate: str) -> Any:
    """A function that predicts documents."""
    keras, model = build(shape, candidate)

    def predict(documents: Documents) -> None:
        if candidate.endswith("bucketed"):
            by_length = np.argsort(-documents.lengths, kind="stable")
            model.predict(_sequence(keras, documents, _cut(by_length, batch_size)), verbose=0)
        else:
            tokens = keras.utils.pad_sequences(documents.sequences(), MAX_TOKENS, value=1, truncating="post")
            model.predict(tokens, batch_size=batch_size, verbose=0)

    return predict


def build(shape: Shape, candidate: str) -> tuple[Any, Any]:
    """Keras with the candidate's backend, and the uncompiled model."""
    os.environ["KERAS_BACKEND"] = candidate.split("-")[1]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    lstm = keras.layers.LSTM(shape.hidden)
    layers = [
        keras.Input((None if candidate.endswith("bucketed") else MAX_TOKENS,)),
        keras.layers.Embedding(VOCABULARY_SIZE, shape.embedding),
        keras.layers.Bidirectional(lstm) if shape.bidirectional else lstm,
        keras.layers.Dense(2, activation="softmax"),
    ]
    return keras, keras.Sequential(layers)


def _shuffled(lengths: Any, batch_size: int) -> list[Any]:
    """Batches of similar length in random order, as text.batches.LengthBuckets makes them; whole ones only."""
    generator = np.random.default_rng(1)
    order = generator.permutation(len(lengths) // batch_size * batch_size)
    pools = _cut(order, batch_size * BATCHES_PER_POOL)
    batches = _cut(np.concatenate([pool[np.argsort(-lengths[pool], kind="stable")] for pool in pools]), batch_size)
    return [batches[position] for position in generator.permutation(len(batches))]


def _cut(order: Any, size: int) -> list[Any]:
    return np.split(order, range(size, len(order), size))


def _sequence(keras: Any, documents: Documents, batches: list[Any]) -> Any:
    """The batches as Keras reads them: tokens, padded on the left as by pad_sequences, and labels."""
    sequences = documents.sequences()

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, number: int) -> tuple[Any, Any]:
            indices = batches[number]
            longest = -(-int(documents.lengths[indices].max()) // MULTIPLE) * MULTIPLE
            padded = keras.utils.pad_sequences([sequences[index] for index in indices], longest, value=1)
            return padded, documents.labels[indices]

    return Batches()
