"""Measures what a training costs while it runs, and ends it when `train.max_seconds` are over.

The clock runs during steps and validation. It does not run before the first step, during the cold start
(models/training/warmup.py), nor between epochs, when MLflow is updated and checkpoints are
written. Checkpoints within an epoch count.
"""

import time
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from core.errors import ParamsError
from models.training.module import ClassifierModule

Conditions = Mapping[str, str | int]


class Costs(Callback):
    """Times steps and epochs. Each process of a training needs one; the first one's clock counts.

    Args:
        max_seconds: the time after which the training ends, even within an epoch; None: no limit
        conditions: those of this process, such as how many cores it may use

    Attributes:
        startup_seconds: the cold start of this process, as models/training/warmup.py measures it
        epochs: one dictionary an epoch: ended (milliseconds since 1970), epoch_seconds (steps and validation),
            tokens_per_second (median of the epoch's steps)
        rates: tokens per second of each step, without padding, over all processes; on a GPU, of each group of steps
            after which the CPU waits for it
        conditions: those of every process that took part; several if the training was resumed under other conditions
    """

    def __init__(self, max_seconds: float | None = None, conditions: Conditions | None = None) -> None:
        self.max_seconds = max_seconds
        self.conditions: list[dict[str, str | int]] = []
        self.startup_seconds = 0.0
        self.epochs: list[dict[str, float]] = []
        self.rates: list[float] = []
        self._own_conditions = dict(conditions or {})
        self._steps_before = 0  # this epoch
        self._epoch_started = 0.0
        self._step_started = 0.0
        self._tokens = 0  # of the steps since then
        self._elapsed = 0.0  # of the epoch, before this process resumed it

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints: the measurements, and the epoch's seconds so far."""
        return {
            "epochs": self.epochs,
            "rates": torch.tensor(self.rates, dtype=torch.float64),
            "steps_before": self._steps_before,
            "elapsed": perf_counter() - self._epoch_started,
            "conditions": self.conditions,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.epochs = state_dict["epochs"]
        self.rates = state_dict["rates"].tolist()
        self._steps_before = state_dict["steps_before"]
        self._elapsed = state_dict["elapsed"]
        self.conditions = state_dict["conditions"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continues the clock of an interrupted epoch."""
        if self._own_conditions not in self.conditions:
            self.conditions = [*self.conditions, self._own_conditions]
        self._step_started = perf_counter()
        self._epoch_started = self._step_started - self._elapsed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._steps_before = len(self.rates)
        self._tokens = 0
        self._epoch_started = self._step_started = perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Ends a step; the time between two steps, in which the batch is made, counts towards the second one.

        Raises:
            ParamsError: the first step took longer than `max_seconds`.
        """
        assert isinstance(pl_module, ClassifierModule)
        self._tokens += batch.total_tokens
        if not pl_module.waited:
            return
        now = perf_counter()
        self.rates.append(self._tokens / (now - self._step_started))
        self._step_started, self._tokens = now, 0
        if self._is_over(trainer, now - self._epoch_started):
            if trainer.global_step <= 1:
                raise ParamsError(
                    f"train.max_seconds is {self.max_seconds:g}, which was over before the first step was done; "
                    "allowed: null, or more seconds"
                )
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds the epoch, whose validation is over as well."""
        self.epochs.append(
            {
                "ended": time.time_ns() // 1_000_000,
                "epoch_seconds": perf_counter() - self._epoch_started,
                "tokens_per_second": float(np.median(self.rates[self._steps_before :])),
            }
        )
        if self._is_over(trainer):
            trainer.should_stop = True

    def measured(self) -> dict[str, Any]:
        """For measurements/: epochs, their seconds, the median of all steps' rates, the cold start, conditions."""
        return {
            "epochs": self.epochs,
            "training_seconds": self._training_seconds(),
            "tokens_per_second_median": float(np.median(self.rates)),
            "training_startup_seconds": self.startup_seconds,
            "training_conditions": self.conditions,
        }

    def _training_seconds(self) -> float:
        """The seconds of the epochs that have ended."""
        return sum(epoch["epoch_seconds"] for epoch in self.epochs)

    def _is_over(self, trainer: Trainer, seconds: float = 0.0) -> bool:
        """Whether the time is over, `seconds` into an epoch. Clocks differ, so the first process decides."""
        if self.max_seconds is None:
            return False
        return bool(trainer.strategy.broadcast(self._training_seconds() + seconds >= self.max_seconds))
