"""Trains models in a process that has compiled nothing, and prints what each had compiled before and after its steps.

python compiled_by_training.py
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from numba.core.registry import CPUDispatcher
from pytorch_lightning import Callback, LightningModule, Trainer

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.cpu import embedding_loops, loops
from models.training.extra_losses import ExtraLosses
from models.training.fit import fit
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import order_documents, small_trainer

MODELS: list[tuple[str, dict[str, Any]]] = [
    ("32-true", {"cell": "lstm"}),
    ("64-true", {"cell": "lstm", "bidirectional": True, "layers": 2, "pooling": "max", "layer_dropout": 0.5}),
    ("32-true", {"cell": "gru", "bidirectional": True, "pooling": "attention", "embedding_dropout": 0.5}),
    ("64-true", {"cell": "rnn", "freeze_embedding": True, "single_bias": True, "pooling": "mean"}),
    ("32-true", {"cell": "lstm", "embedding_normalization": "frequency", "pooling": "max"}),
]
OBJECTIVES = {4: ExtraLosses("both", radius=1.0, weight=1.0, unlabelled_batch=5, entropy_weight=1.0)}  # of the last


class Compiled(Callback):
    """How many versions of loops there are when the clock starts."""

    before = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.before = versions()


def versions() -> int:
    functions = [*vars(loops).values(), *vars(embedding_loops).values()]
    return sum(len(loop.signatures) for loop in functions if isinstance(loop, CPUDispatcher))


def main() -> None:
    names = []
    for number, (precision, variant) in enumerate(MODELS):
        torch.manual_seed(1)
        module = plain_module(
            plain_classifier(20, 2, hidden_size=8, embedding_size=8, **variant),
            learning_rate=0.01,
            weight_decay=0.1,
            schedule="linear",
            warmup_share=0.0,
            class_weight="none",
            extra_losses=OBJECTIVES.get(number),
        )
        compiled, loaded = Compiled(), versions()
        trainer = small_trainer(precision=precision)
        documents = order_documents(41), order_documents(21)  # the last batch of each is a single document
        chosen: dict[str, Any] = {"batch_size": 10, "seed": 1, "monitor": "validation_loss", "callbacks": [compiled]}
        fit(trainer, module, *documents, **chosen, unlabelled=documents[1] if number in OBJECTIVES else None)
        names.append([compiled.before - loaded, versions() - compiled.before])
    print(json.dumps(names))


if __name__ == "__main__":
    main()
