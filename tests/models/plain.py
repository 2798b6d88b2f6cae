"""The textbook's classifier in one direction, and its plain training, of which a test changes what it is about."""

from typing import Any

from torch import Tensor

from models.classifier import TextClassifier
from models.training.module import ClassifierModule

PLAIN: dict[str, Any] = {
    "cell": "lstm",
    "bidirectional": False,
    "layers": 1,
    "hidden_size": 64,
    "embedding_size": 128,
    "segment": None,
    "pooling": "last",
    "head_size": None,
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "layer_dropout": 0.0,
    "locked_dropout": False,
    "weight_drop": 0.0,
    "head_dropout": 0.0,
    "freeze_embedding": False,
    "embedding_normalization": "none",
    "single_bias": False,
    "initialization": "pytorch",
    "forget_bias": None,
    "input_bias": None,
    "recurrent_init": "uniform",
    "ngrams": False,
    "start": "random",
}


def plain_classifier(
    vocabulary_size: int, num_classes: int, vectors: Tensor | None = None, **changes: Any
) -> TextClassifier:
    """Of these values, whatever the defaults of params.yaml are."""
    return TextClassifier(vocabulary_size, num_classes, **{**PLAIN, **changes}, vectors=vectors)


def plain_module(
    classifier: TextClassifier, kind: type[ClassifierModule] = ClassifierModule, **changes: Any
) -> ClassifierModule:
    """Trains with these values, whatever the defaults of params.yaml are."""
    plain: dict[str, Any] = {
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "schedule": "constant",
        "warmup_share": 0.0,
        "class_weight": "none",
        "label_smoothing": 0.0,
        "averaging": "none",
        "averaging_decay": 0.999,
        "layer_rates": 1.0,
        "unfreeze": 0,
    }
    return kind(classifier, **{**plain, **changes})
