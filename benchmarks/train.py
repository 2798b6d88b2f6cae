"""Training throughput of one candidate, in real tokens per second. `python -m benchmarks.train <candidate>`.

Embedding(20,002, 128) → LSTM(64) in one or two directions → two classes, Adam, batches of 32, at most 400 tokens. Only
whole steps count; graphs and kernels are compiled in earlier ones.
"""

import argparse
import json
import os
import time
from typing import Any

import numpy as np

from benchmarks.corpus import MAX_TOKENS, VOCABULARY_SIZE, Documents

BATCH_SIZE = 32
# Enough documents for some seconds each; slow candidates need fewer.
DOCUMENTS = {"project": 4096, "project-bf16": 4096, "packed": 320, "padded": 1024, "keras-tensorflow": 1024,
             "keras-jax": 1536}  # fmt: skip


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=DOCUMENTS)
    arguments.add_argument("--variant", choices=["lstm", "bilstm"], required=True)
    chosen = arguments.parse_args()
    documents = Documents(DOCUMENTS[chosen.candidate])
    bidirectional = chosen.variant == "bilstm"
    if chosen.candidate.startswith("keras"):
        rate = run_keras(documents, bidirectional, chosen.candidate.split("-")[1])
    elif chosen.candidate.startswith("project"):
        rate = run_project(documents, bidirectional, "bf16-mixed" if "bf16" in chosen.candidate else "32-true")
    else:
        rate = run_torch(documents, bidirectional, packed=chosen.candidate == "packed")
    print(json.dumps({"value": rate}))


def run_project(documents: Documents, bidirectional: bool, precision: str) -> float:
    """This project's training with Lightning; the second of two epochs counts."""
    from models import machine

    machine.prepare(1)
    from pytorch_lightning import Callback

    from config.train import TrainParams
    from models.training.fit import fit
    from pipelines.train import as_lightning

    class Clock(Callback):
        started = ended = 0.0

        def on_train_epoch_start(self, *_: Any) -> None:
            self.started = time.perf_counter()

        def on_train_batch_end(self, *_: Any) -> None:
            self.ended = time.perf_counter()

    settings = TrainParams.model_validate({"epochs": 2, "gradient_clip": None, "precision": precision})
    module, trainer = as_lightning(build_project(bidirectional), settings)
    clock = Clock()
    few = Documents(BATCH_SIZE)
    fit(trainer, module, documents, few, batch_size=BATCH_SIZE, seed=1, monitor="validation_loss", callbacks=[clock])
    return float(documents.lengths.sum() / (clock.ended - clock.started))


def build_project(bidirectional: bool) -> Any:
    """This project's classifier with the sizes of the other candidates, whatever its defaults are."""
    from config.variants import VariantParams
    from models.classifier import TextClassifier

    shape = {"hidden_size": 64, "embedding_size": 128, "pooling": "last", "initialization": "pytorch"}
    variant = VariantParams.model_validate({"cell": "lstm", "bidirectional": bidirectional, **shape})
    return TextClassifier(VOCABULARY_SIZE, 2, **variant.model_dump())


def run_torch(documents: Documents, bidirectional: bool, packed: bool) -> float:
    """The usual tutorial loop: random batches, padded to their longest document, packed or not."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY_SIZE, 128, padding_idx=1)
            self.lstm = nn.LSTM(128, 64, batch_first=True, bidirectional=bidirectional)
            self.head = nn.Linear(128 if bidirectional else 64, 2)

        def forward(self, tokens: Any, lengths: Any) -> Any:
            read: Any = self.embedding(tokens)
            if packed:
                read = pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
            last = self.lstm(read)[1][0]  # (directions, batch, 64)
            return self.head(torch.cat(list(last), dim=1))

    torch.manual_seed(1)
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    order = np.random.default_rng(1).permutation(len(documents))
    cuts = np.split(order, range(BATCH_SIZE, len(order), BATCH_SIZE))
    for number, indices in enumerate([*cuts[:2], *cuts]):
        if number == 2:
            started = time.perf_counter()
        tokens, lengths = documents.batch(indices)
        optimizer.zero_grad()
        logits = model(torch.from_numpy(tokens), torch.from_numpy(lengths.astype(np.int64)))
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(documents.labels[indices].astype(np.int64)))
        loss.backward()
        optimizer.step()
    return float(documents.lengths.sum() / (time.perf_counter() - started))


def run_keras(documents: Documents, bidirectional: bool, backend: str) -> float:
    """Keras 3 as in its own examples: pad_sequences and fit."""
    keras, model = build_keras(bidirectional, backend)
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    tokens = keras.utils.pad_sequences(documents.sequences(), MAX_TOKENS, value=1, truncating="post")
    model.fit(tokens[: 2 * BATCH_SIZE], documents.labels[: 2 * BATCH_SIZE], batch_size=BATCH_SIZE, verbose=0)
    started = time.perf_counter()
    model.fit(tokens, documents.labels, batch_size=BATCH_SIZE, verbose=0)
    return float(documents.lengths.sum() / (time.perf_counter() - started))


def build_keras(bidirectional: bool, backend: str) -> tuple[Any, Any]:
    """Keras with this backend, and the uncompiled model."""
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    lstm = keras.layers.LSTM(64)
    layers = [
        keras.Input((MAX_TOKENS,)),
        keras.layers.Embedding(VOCABULARY_SIZE, 128),
        keras.layers.Bidirectional(lstm) if bidirectional else lstm,
        keras.layers.Dense(2, activation="softmax"),
    ]
    return keras, keras.Sequential(layers)


if __name__ == "__main__":
    main()
