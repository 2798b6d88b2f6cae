"""Prediction throughput of one candidate, in real tokens per second. `python -m benchmarks.predict <candidate>`.

The models of benchmarks/train.py with untrained weights, batches of 128.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from benchmarks.corpus import MAX_TOKENS, VOCABULARY_SIZE, Documents
from benchmarks.train import build_keras, build_project

BATCH_SIZE = 128
DOCUMENTS = {"project": 8192, "packed": 1024, "keras-tensorflow": 2048, "keras-jax": 2048}


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=DOCUMENTS)
    arguments.add_argument("--variant", choices=["lstm", "bilstm"], required=True)
    chosen = arguments.parse_args()
    run: Any = {"project": run_project, "packed": run_packed}.get(chosen.candidate, run_keras)
    predict = run(chosen.variant == "bilstm", chosen.candidate)
    predict(Documents(BATCH_SIZE))  # one-time preparation
    documents = Documents(DOCUMENTS[chosen.candidate])
    started = time.perf_counter()
    predict(documents)
    print(json.dumps({"value": float(documents.lengths.sum() / (time.perf_counter() - started))}))


def run_project(bidirectional: bool, _: str) -> Any:
    """models/prediction.py."""
    from models import machine

    machine.prepare(1)
    import torch

    from models.prediction import predict

    model = build_project(bidirectional)
    return lambda documents: predict(model, documents, torch.device("cpu"))


def run_packed(bidirectional: bool, _: str) -> Any:
    """Packed sequences in batches of similar length."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    embedding = nn.Embedding(VOCABULARY_SIZE, 128)
    lstm = nn.LSTM(128, 64, batch_first=True, bidirectional=bidirectional)
    head = nn.Linear(128 if bidirectional else 64, 2)

    def predict(documents: Documents) -> None:
        order = np.argsort(-documents.lengths, kind="stable")
        with torch.inference_mode():
            for indices in np.split(order, range(BATCH_SIZE, len(order), BATCH_SIZE)):
                tokens, lengths = documents.batch(indices)
                read = pack_padded_sequence(
                    embedding(torch.from_numpy(tokens)), torch.from_numpy(lengths.astype(np.int64)), batch_first=True
                )
                head(torch.cat(list(lstm(read)[1][0]), dim=1)).softmax(dim=1)

    return predict


def run_keras(bidirectional: bool, candidate: str) -> Any:
    """Keras's predict."""
    keras, model = build_keras(bidirectional, candidate.split("-")[1])

    def predict(documents: Documents) -> None:
        tokens = keras.utils.pad_sequences(documents.sequences(), MAX_TOKENS, value=1, truncating="post")
        model.predict(tokens, batch_size=BATCH_SIZE, verbose=0)

    return predict


if __name__ == "__main__":
    main()
