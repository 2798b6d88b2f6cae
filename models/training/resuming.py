"""Resumes an interrupted training exactly: weights and history equal those of an uninterrupted one, bit for bit.

Lightning saves and restores weights, optimizer, schedule, loops and callbacks; the module adds the history and the
epoch's sums so far, and the data module the number of batches done. No random generator's state is saved, since
batches depend on (seed, epoch), and dropout on (seed, step, process).
"""

import signal
import time
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from lightning_fabric.plugins import CheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from config.train import TrainParams
from core.errors import TrainingError

State = dict[str, Any]


@runtime_checkable
class Resumable(Protocol):
    """What a Lightning module needs in addition, to be resumed within an epoch."""

    def is_sound(self) -> bool:
        """Whether all is finite so far, so that a checkpoint is worth saving."""


class Store(Protocol):
    """The part of outputs.checkpoints that is used here."""

    def load(self, announce: bool) -> State | None:
        """The newest intact state, or None. With `announce`, prints the names of broken ones."""

    def save(self, step: int, state: State) -> None:
        """Saves the state after `step`."""


class Checkpointing(Checkpoint):
    """Saves after every epoch and, optionally, every few steps or minutes.

    It is a `Checkpoint`, which Lightning puts last in the list, so early stopping has decided before it saves.

    Args:
        store: writes the state; only in the first process.
        state: the one that the training resumes from; None: it starts from the beginning.
        steps: how many steps there are between two saves within an epoch; None: no saves after a number of steps.
        minutes: at least how many minutes there are between two such saves; None: no saves after some time.
    """

    def __init__(self, store: Store, state: State | None, steps: int | None, minutes: float | None) -> None:
        self.io = StateIO(store, state)
        self.state = state
        self.steps = steps
        self.seconds = None if minutes is None else minutes * 60
        self.saved_at = 0.0

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: State) -> None:
        """Adds the decision of early stopping."""
        checkpoint["should_stop"] = trainer.should_stop

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: State) -> None:
        """Restores it."""
        trainer.should_stop = checkpoint["should_stop"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Makes sure that all processes resume from the same step."""
        self.saved_at = time.monotonic()
        own_steps = torch.tensor(float(trainer.global_step), device=trainer.strategy.root_device)  # NCCL reduces there
        steps = trainer.strategy.reduce(own_steps, reduce_op="mean")
        if float(steps) != trainer.global_step:
            raise TrainingError("the processes found different checkpoints; they need one folder that they all share")

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves within the epoch, except after its last step, when `on_train_epoch_end` saves."""
        assert isinstance(pl_module, Resumable)
        last = batch_idx + 1 == trainer.num_training_batches or trainer.should_stop  # the time may be over
        if not last and self._is_due(trainer) and pl_module.is_sound():
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves after validation."""
        self._save(trainer)

    def _is_due(self, trainer: Trainer) -> bool:
        if self.steps is not None and trainer.global_step % self.steps == 0:
            return True
        if self.seconds is None:
            return False
        # Clocks differ: the first process's counts.
        return bool(trainer.strategy.broadcast(time.monotonic() - self.saved_at >= self.seconds))

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint("")
        self.saved_at = time.monotonic()


def resume_from(store: Store, settings: TrainParams, announce: bool = True) -> Checkpointing:
    """What saves checkpoints as `settings` say, with the state to resume from if the `store` has one."""
    state = store.load(announce)
    if state is not None and announce:
        print(f"resuming after step {state['global_step']}", flush=True)
    return Checkpointing(store, state, settings.checkpoint_steps, settings.checkpoint_minutes)


class StateIO(CheckpointIO):
    """Reads the state for Lightning, and writes it to the store."""

    def __init__(self, store: Store, state: State | None) -> None:
        self.store = store
        self.state = state

    def save_checkpoint(self, checkpoint: State, path: Any, storage_options: Any = None) -> None:
        """Called in the first process only."""
        self.store.save(checkpoint["global_step"], checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> State:
        """Called in each process."""
        assert self.state is not None
        return self.state

    def remove_checkpoint(self, path: Any) -> None:
        """The store removes its files itself."""


class StepSeeds(Callback):
    """Seeds each step's dropout by (seed, step, process), so that no generator's state needs saving."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Seeds the step."""
        sequence = np.random.SeedSequence([self.seed, trainer.global_step, trainer.global_rank])
        seed = int(sequence.generate_state(1, np.uint64)[0])
        # torch.manual_seed takes a millisecond on a machine without a GPU.
        torch.default_generator.manual_seed(seed)
        if pl_module.device.type == "cuda":
            torch.cuda.manual_seed(seed)


class OwnSignals(Callback):
    """Restores the program's own handler of SIGTERM.

    Lightning's handler calls a collective operation wherever the signal interrupts it, which may wait forever.
    """

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restores it here, because Lightning has set its own by now."""
        signal.signal(signal.SIGTERM, self.handler)
