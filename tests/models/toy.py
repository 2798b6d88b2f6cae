"""Documents in memory whose class depends on which of two tokens comes first."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning import Trainer

from models.training.fit import build_trainer
from text.batches import Indices

FIRST, SECOND = 2, 3
VOCABULARY_SIZE = 20


class MemoryDocuments:
    """What text.batches needs of documents."""

    def __init__(self, tokens: list[NDArray[np.int32]], labels: NDArray[np.int32]) -> None:
        self.documents = tokens
        self.lengths = np.array([len(document) for document in tokens], np.int32)
        self.labels = labels

    def batch(self, indices: Indices) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        lengths = self.lengths[indices]
        tokens = np.ones((len(indices), int(lengths.max())), np.int32)
        for row, index in enumerate(indices):
            tokens[row, : lengths[row]] = self.documents[index]
        return tokens, lengths


def order_documents(rows: int, longest: int = 12) -> MemoryDocuments:
    """`rows` documents of 4 to `longest` tokens."""
    generator = np.random.default_rng(rows)
    documents, labels = [], generator.integers(0, 2, rows).astype(np.int32)
    for label in labels:
        document = generator.integers(4, VOCABULARY_SIZE, generator.integers(4, longest + 1)).astype(np.int32)
        early, late = np.sort(generator.choice(len(document), 2, replace=False))
        document[early], document[late] = (FIRST, SECOND) if label else (SECOND, FIRST)
        documents.append(document)
    return MemoryDocuments(documents, labels)


def skewed_documents(rows: int, rare: int) -> MemoryDocuments:
    """`rows` documents as above, of which `rare` are of the second class."""
    documents = order_documents(4 * rows)
    common_ones, rare_ones = (np.flatnonzero(documents.labels == label) for label in (0, 1))
    chosen = np.sort(np.concatenate([common_ones[: rows - rare], rare_ones[:rare]]))
    return MemoryDocuments([documents.documents[index] for index in chosen], documents.labels[chosen])


def small_trainer(**changes: Any) -> Trainer:
    """A trainer for one CPU process, unless `changes` say otherwise."""
    settings: dict[str, Any] = {
        "epochs": 2,
        "gradient_clip": 0.5,
        "early_stopping": None,
        "monitor": "validation_loss",
        "accelerator": "cpu",
        "devices": 1,
        "num_nodes": 1,
        "strategy": "auto",
        "precision": "32-true",
    }
    return build_trainer(**settings | changes)
