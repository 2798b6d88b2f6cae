"""Trains on a few documents and writes what each step's loss was. Run as a program: Lightning starts it again for DDP.

python losses_of_steps.py DEVICES NODES BATCH_SIZE FOLDER
"""

import json
import os
import sys
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.training.cost_meter import Costs
from models.training.fit import fit
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import order_documents, skewed_documents, small_trainer


class Losses(Callback):
    """The mean loss of each step's documents, over all processes."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.listens_at: set[str] = set()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.losses.append(float(trainer.strategy.reduce(outputs["loss"], reduce_op="mean")))
        sockets = psutil.Process().net_connections(kind="inet")
        self.listens_at |= {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def train(devices: int, nodes: int, batch_size: int, class_weight: Any) -> dict[str, Any]:
    torch.manual_seed(5)
    classifier = plain_classifier(20, 2, cell="lstm", bidirectional=True, hidden_size=8, embedding_size=8)
    module = plain_module(
        classifier,
        learning_rate=0.01,
        weight_decay=0.0,
        schedule="linear",
        warmup_share=0.1,
        class_weight=class_weight,
        averaging="none" if class_weight == "none" else "ema",
        layer_rates=1.0,
        unfreeze=0,
    )
    trainer = small_trainer(early_stopping=5, monitor="validation_accuracy", devices=devices, num_nodes=nodes)
    losses = Losses()
    measured = Costs()
    # A clock that goes a second at each look: a step lasts from one look to the next.
    with patch("models.training.cost_meter.perf_counter", count().__next__):
        fit(
            trainer,
            module,
            skewed_documents(101, rare=30),
            order_documents(37),
            batch_size=batch_size,
            seed=3,
            monitor="validation_accuracy",
            costs=measured,
            callbacks=[losses],
        )
    return {
        "world_size": trainer.world_size,
        "losses": losses.losses,
        "history": module.history,
        "tokens": measured.rates,
        "listens_at": sorted(losses.listens_at),
    }


def main(devices: int, nodes: int, batch_size: int, folder: Path) -> None:
    results = {class_weight: train(devices, nodes, batch_size, class_weight) for class_weight in ("none", "balanced")}
    rank = os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))  # torchrun's, or Lightning's
    (folder / f"rank-{rank}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
