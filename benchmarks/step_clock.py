"""A callback that times the steps of an epoch."""

import time
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer


class StepClock(Callback):
    """Times the last epoch's steps; a GPU's work counts until its end.

    Attributes:
        started: when the epoch began, as time.perf_counter has it.
        seconds: of the clock, from the epoch's begin to the end of its last step.
        cpu_seconds: the same of processor time, of all threads.
    """

    started = seconds = cpu_seconds = 0.0
    _cpu_started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Waits for what came before."""
        _wait()
        self.started, self._cpu_started = time.perf_counter(), time.process_time()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Waits for the epoch's last step."""
        if trainer.is_last_batch:
            _wait()
            self.seconds = time.perf_counter() - self.started
            self.cpu_seconds = time.process_time() - self._cpu_started


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
