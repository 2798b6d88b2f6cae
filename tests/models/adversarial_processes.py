"""Trains with moved word vectors and unlabelled documents, and saves the weights. Run as a program: Lightning starts it
again for DDP.

python adversarial_processes.py DEVICES BATCH_SIZE FOLDER
"""

import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.training.extra_losses import ExtraLosses
from models.training.fit import fit
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import order_documents, skewed_documents, small_trainer


def main(devices: int, batch_size: int, folder: Path) -> None:
    torch.manual_seed(5)
    chosen: dict[str, Any] = {"bidirectional": True, "hidden_size": 8, "embedding_size": 8, "pooling": "max"}
    classifier = plain_classifier(20, 2, cell="lstm", embedding_normalization="frequency", **chosen)
    module = plain_module(
        classifier,
        learning_rate=0.01,
        weight_decay=0.0,
        schedule="linear",
        warmup_share=0.1,
        class_weight="balanced",
        extra_losses=ExtraLosses("both", radius=2.0, weight=0.7, unlabelled_batch=batch_size, entropy_weight=0.1),
    )
    trainer = small_trainer(devices=devices, precision="64-true", epochs=1)
    # Each process draws its own random directions. Here they are the same for every document.
    with patch("torch.randn_like", torch.ones_like):
        fit(
            trainer,
            module,
            skewed_documents(44, rare=12),
            order_documents(17),
            batch_size=batch_size,
            seed=3,
            monitor="validation_loss",
            unlabelled=order_documents(30),
        )
    if trainer.is_global_zero:
        save_file(module.state_dict(), folder / f"{devices}.safetensors")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
