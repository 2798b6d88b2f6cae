"""A Lightning callback that tells an MLflow run about each epoch."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from models.module import ClassifierModule
from tracking.runs import Run


class EpochMetrics(Callback):
    """Logs the module's history line after each epoch, with what it cost: seconds, and real tokens a second."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.tokens = 0
        self.started = 0.0
        self.trained = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self.tokens = 0
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts this process's tokens; padding is none."""
        self.tokens += int(batch.lengths.sum())
        self.trained = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation is over, too: the line is complete."""
        assert isinstance(pl_module, ClassifierModule)
        line = dict(pl_module.history[-1])
        step = int(line.pop("epoch"))
        del line["step"]
        line["epoch_seconds"] = time.perf_counter() - self.started
        line["tokens_per_second"] = self.tokens * trainer.world_size / (self.trained - self.started)
        self.run.log_metrics(line, step=step)
