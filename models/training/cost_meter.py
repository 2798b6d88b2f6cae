"""What a training costs, measured while it runs, and how it ends when its time is over.

The clock runs during steps and validation. It stands still before the first step, when models/training/warmup.py has
taken the cold start, and between epochs, when MLflow is updated and checkpoints are written.
"""

import time
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from core.errors import ParamsError

Conditions = Mapping[str, str | int]


class Costs(Callback):
    """Times steps and epochs. Belongs into each process of a training; the first one's clock counts.

    Args:
        max_seconds: of training, after which it ends, within an epoch if need be; None: never
        conditions: under which this process trains, such as how many cores it may use

    Attributes:
        startup_seconds: what this process needed before its first step, as models/training/warmup.py measures it
        epochs: one dictionary an epoch: ended (milliseconds since 1970), epoch_seconds (steps and validation),
            tokens_per_second (median of the epoch's steps)
        rates: of each step, real tokens a second; padding is none, and the tokens of all processes are added up
        conditions: those of all processes that took part one after another: more than one if a training was resumed
            under others
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
        self._elapsed = 0.0  # of the epoch, before this process took it up

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints: what has been measured, and how long the epoch has taken so far."""
        return {
            "epochs": self.epochs,
            "rates": torch.tensor(self.rates, dtype=torch.float64),
            "steps_before": self._steps_before,
            "elapsed": perf_counter() - self._epoch_started,
            "conditions": self.conditions,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of a checkpoint."""
        self.epochs = state_dict["epochs"]
        self.rates = state_dict["rates"].tolist()
        self._steps_before = state_dict["steps_before"]
        self._elapsed = state_dict["elapsed"]
        self.conditions = state_dict["conditions"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets the clock of an epoch that was interrupted run on."""
        if self._own_conditions not in self.conditions:
            self.conditions = [*self.conditions, self._own_conditions]
        self._step_started = perf_counter()
        self._epoch_started = self._step_started - self._elapsed

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._steps_before = len(self.rates)
        self._epoch_started = self._step_started = perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Closes a step; what happens between two steps, such as making the batch, belongs to the second one.

        Raises:
            ParamsError: the time was over before the first step was done.
        """
        now = perf_counter()
        self.rates.append(batch.total_tokens / (now - self._step_started))
        self._step_started = now
        if self._is_over(trainer, now - self._epoch_started):
            if len(self.rates) == 1:
                raise ParamsError(
                    f"train.max_seconds is {self.max_seconds:g}, which was over before the first step was done; "
                    "allowed: null, or more of them"
                )
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation is over, too: the line is complete."""
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
        """For measurements/: the epochs, their seconds, the median of all steps' rates, the cold start, conditions."""
        return {
            "epochs": self.epochs,
            "training_seconds": self._training_seconds(),
            "tokens_per_second_median": float(np.median(self.rates)),
            "training_startup_seconds": self.startup_seconds,
            "training_conditions": self.conditions,
        }

    def _training_seconds(self) -> float:
        """Of the epochs that have ended."""
        return sum(epoch["epoch_seconds"] for epoch in self.epochs)

    def _is_over(self, trainer: Trainer, seconds: float = 0.0) -> bool:
        """Whether the time is over, `seconds` into an epoch. Clocks differ: the first process's counts."""
        if self.max_seconds is None:
            return False
        return bool(trainer.strategy.broadcast(self._training_seconds() + seconds >= self.max_seconds))
