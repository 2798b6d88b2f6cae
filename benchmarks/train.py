"""Training throughput of one candidate, in real tokens per second. `python -m benchmarks.train <candidate>`.

Embedding(20,002, 128) → LSTM(64) in one or two directions → two classes, Adam, batches of 32, at most 400 tokens;
options set other sizes. Only whole steps count; graphs and kernels are compiled in earlier ones.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from benchmarks import keras_models
from benchmarks.corpus import VOCABULARY_SIZE, Documents
from benchmarks.shape import Shape, add_arguments, shape_of

BATCH_SIZE = 32
# Enough documents for some seconds each; slow candidates need fewer. Those with this project's batches have the same
# number of documents, since longer pools have less padding (text/batches.py).
SAME, FEWEST = 4096, 1024
DOCUMENTS = {"project": SAME, "project-bf16": SAME, "tuned": SAME, "tuned-bf16": SAME, "compiled": SAME,
             "compiled-bf16": SAME, "packed": 320, "padded": 1024, "keras-tensorflow": 1024, "keras-jax": 1536,
             "keras-jax-bucketed": 1536}  # fmt: skip


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=DOCUMENTS)
    arguments.add_argument("--documents", type=int, help="default: enough for a few seconds")
    add_arguments(arguments)
    chosen = arguments.parse_args()
    shape = shape_of(chosen)
    documents = Documents(chosen.documents or documents_for(chosen.candidate, shape))
    print(json.dumps({"value": rate(chosen.candidate, documents, shape)}))


def documents_for(candidate: str, shape: Shape) -> int:
    """How many documents the candidate trains on: fewer with wide models, which take longer."""
    most = DOCUMENTS[candidate]
    return max(most * 64 // max(shape.hidden, 64), min(most, FEWEST))


def rate(candidate: str, documents: Documents, shape: Shape) -> float:
    """Real tokens per second."""
    bfloat16 = candidate.endswith("-bf16")
    match candidate.split("-"):
        case ["keras", *_]:
            return keras_models.train(documents, shape, BATCH_SIZE, candidate)
        case ["project", *_]:
            return run_project(documents, shape, "bf16-mixed" if bfloat16 else "32-true")
        case ["tuned" | "compiled" as kind, *_]:
            from benchmarks import tuned

            return tuned.train(documents, shape, BATCH_SIZE, bfloat16=bfloat16, compiled=kind == "compiled")
    return run_torch(documents, shape, packed=candidate == "packed")


def run_project(documents: Documents, shape: Shape, precision: str) -> float:
    """This project's training with Lightning; the second of two epochs counts."""
    from models import machine

    machine.prepare(1)
    from benchmarks.step_clock import StepClock
    from config.train import TrainParams
    from models.training.building import as_lightning
    from models.training.fit import fit

    settings = TrainParams.model_validate({"epochs": 2, "gradient_clip": None, "precision": precision})
    module, trainer = as_lightning(build_project(shape), settings)
    clock, few = StepClock(), Documents(BATCH_SIZE)
    fit(trainer, module, documents, few, batch_size=BATCH_SIZE, seed=1, monitor="validation_loss", callbacks=[clock])
    return float(documents.lengths.sum() / clock.seconds)


def build_project(shape: Shape, words: int = VOCABULARY_SIZE, classes: int = 2) -> Any:
    """This project's classifier with the sizes of the other candidates, whatever its defaults are."""
    from config.variants import VariantParams
    from models.classifier import TextClassifier

    sizes = {"hidden_size": shape.hidden, "embedding_size": shape.embedding, "pooling": shape.pooling}
    same = {"cell": "lstm", "bidirectional": shape.bidirectional, "initialization": "pytorch"}
    variant = VariantParams.model_validate(same | sizes)
    return TextClassifier(words, classes, **variant.model_dump())


def run_torch(documents: Documents, shape: Shape, packed: bool) -> float:
    """The usual tutorial loop: random batches, padded to their longest document, packed or not."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY_SIZE, shape.embedding, padding_idx=1)
            self.lstm = nn.LSTM(shape.embedding, shape.hidden, batch_first=True, bidirectional=shape.bidirectional)
            self.head = nn.Linear(shape.hidden * (2 if shape.bidirectional else 1), 2)

        def forward(self, tokens: Any, lengths: Any) -> Any:
            read: Any = self.embedding(tokens)
            if packed:
                read = pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
            last = self.lstm(read)[1][0]  # (directions, batch, hidden)
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
        torch.autograd.backward(loss)
        optimizer.step()
    return float(documents.lengths.sum() / (time.perf_counter() - started))


if __name__ == "__main__":
    main()
