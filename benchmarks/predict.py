"""Prediction throughput of one candidate, in real tokens per second. `python -m benchmarks.predict <candidate>`.

The models of benchmarks/train.py with untrained weights, batches of 128.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from benchmarks import keras_models
from benchmarks.corpus import VOCABULARY_SIZE, Documents
from benchmarks.shape import Shape, add_arguments, shape_of
from benchmarks.train import build_project

BATCH_SIZE = 128
SAME = 8192  # of those with this project's batches: the more documents, the less padding
DOCUMENTS = {"project": SAME, "tuned": SAME, "tuned-bf16": SAME, "compiled": SAME, "packed": 1024,
             "keras-tensorflow": 2048, "keras-jax": 2048, "keras-jax-bucketed": 2048}  # fmt: skip


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=DOCUMENTS)
    arguments.add_argument("--documents", type=int, help="default: enough for a few seconds")
    add_arguments(arguments)
    chosen = arguments.parse_args()
    predict = predictor(chosen.candidate, shape_of(chosen))
    documents = Documents(chosen.documents or DOCUMENTS[chosen.candidate])
    predict(documents if chosen.candidate.endswith("bucketed") else Documents(BATCH_SIZE))  # one-time preparation
    started = time.perf_counter()
    predict(documents)
    print(json.dumps({"value": float(documents.lengths.sum() / (time.perf_counter() - started))}))


def predictor(candidate: str, shape: Shape) -> Any:
    """A function that predicts documents."""
    match candidate.split("-"):
        case ["keras", *_]:
            return keras_models.predictor(shape, BATCH_SIZE, candidate)
        case ["project"]:
            return run_project(shape)
        case ["tuned" | "compiled" as kind, *_]:
            from benchmarks import tuned

            bfloat16 = candidate.endswith("-bf16")
            return tuned.predictor(shape, BATCH_SIZE, bfloat16=bfloat16, compiled=kind == "compiled")
    return run_packed(shape)


def run_project(shape: Shape) -> Any:
    """models/prediction.py."""
    from models import machine

    machine.prepare(1)
    import torch

    from models.prediction import predict

    model = build_project(shape)
    return lambda documents: predict(model, documents, torch.device("cpu"))


def run_packed(shape: Shape) -> Any:
    """Packed sequences in batches of similar length."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    embedding = nn.Embedding(VOCABULARY_SIZE, shape.embedding)
    lstm = nn.LSTM(shape.embedding, shape.hidden, batch_first=True, bidirectional=shape.bidirectional)
    head = nn.Linear(shape.hidden * (2 if shape.bidirectional else 1), 2)

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


if __name__ == "__main__":
    main()
