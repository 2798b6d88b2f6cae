"""The textbook's classifier in one direction, of which a test changes what it is about."""

from typing import Any

from torch import Tensor

from models.classifier import TextClassifier

PLAIN: dict[str, Any] = {
    "cell": "lstm",
    "bidirectional": False,
    "layers": 1,
    "hidden_size": 64,
    "embedding_size": 128,
    "pooling": "last",
    "embedding_dropout": 0.0,
    "layer_dropout": 0.0,
    "head_dropout": 0.0,
    "freeze_embedding": False,
    "single_bias": False,
    "initialization": "pytorch",
    "forget_bias": None,
    "input_bias": None,
    "recurrent_init": "uniform",
    "start": "random",
}


def plain_classifier(
    vocabulary_size: int, num_classes: int, vectors: Tensor | None = None, **changes: Any
) -> TextClassifier:
    """Of these values, whatever the defaults of params.yaml are."""
    return TextClassifier(vocabulary_size, num_classes, **{**PLAIN, **changes}, vectors=vectors)
