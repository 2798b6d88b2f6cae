"""Lightning's trainer as every training uses it: results depend on the arguments, the module and the data alone."""

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from pytorch_lightning import Callback, LightningDataModule, LightningModule, Trainer
from pytorch_lightning.callbacks import RichProgressBar

from core.errors import ParamsError
from models import machine
from models.training.resuming import Checkpointing

# Lightning warns of loaders without worker processes and the like, which are intended.
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", module="pytorch_lightning")
warnings.filterwarnings("ignore", module="lightning_fabric")


def make_trainer(
    *,
    epochs: int,
    gradient_clip: float | None,
    accelerator: str,
    devices: int,
    num_nodes: int,
    strategy: str,
    precision: Any,
    lines: Callback,
    callbacks: Sequence[Callback] = (),
) -> Trainer:
    """A trainer with a progress bar or, where the output is no terminal, `lines`.

    Raises:
        ParamsError: with several nodes, the address of the first one is not known.
    """
    # Deterministic mode also fills new memory, to reveal code that reads before it writes; there is none here.
    deterministic: Any = torch.utils.deterministic  # a module whose attribute PyTorch hides from type checkers
    deterministic.fill_uninitialized_memory = False
    terminal = sys.stdout.isatty()
    trainer = Trainer(
        max_epochs=epochs,
        gradient_clip_val=gradient_clip,
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision="32-true" if precision == "tf32" else precision,  # set by models/machine.py
        callbacks=[RichProgressBar() if terminal else lines, *callbacks],
        deterministic="warn",
        use_distributed_sampler=False,  # text.batches distributes the documents, without repeating any
        num_sanity_val_steps=0,
        enable_progress_bar=terminal,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if environment is not None and not environment.creates_processes_externally:  # Lightning is going to start them
        if num_nodes == 1:
            machine.keep_to_this_machine()
        elif "MASTER_ADDR" not in os.environ:
            raise ParamsError(
                f"train.num_nodes is {num_nodes}, but this process was started alone; allowed: 1, or the stage started "
                "on each node by torchrun, SLURM, or with MASTER_ADDR, MASTER_PORT and NODE_RANK"
            )
    return trainer


def add_checkpointing(trainer: Trainer, checkpointing: Checkpointing | None) -> str | None:
    """Lets `trainer` save and resume; returns what `run` takes as `resumed`."""
    if checkpointing is None:
        return None
    trainer.callbacks.append(checkpointing)  # type: ignore[attr-defined]
    trainer.strategy.checkpoint_io = checkpointing.io
    return None if checkpointing.state is None else "the state"  # a path, for Lightning


class ResumableData(LightningDataModule):
    """Data of which a resumed training reads only what is left of its epoch.

    Attributes:
        start: the batch of the epoch with which the training loader begins.
    """

    def __init__(self) -> None:
        super().__init__()
        self.start = 0

    def state_dict(self) -> dict[str, int]:
        """For checkpoints: how many batches of the epoch are done."""
        assert self.trainer is not None
        done = self.trainer.fit_loop.epoch_loop.batch_progress.current.ready
        return {"start": done % int(self.trainer.num_training_batches)}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """From a checkpoint; Lightning calls it before it asks for the loaders."""
        self.start = state_dict["start"]


def run(trainer: Trainer, module: LightningModule, data: LightningDataModule, resumed: str | None) -> None:
    """Trains.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM stopped the training.
    """
    # Before Lightning restores a checkpoint's weights: later, float64 ones would have passed through float32.
    trainer.precision_plugin.convert_module(module)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=resumed)
    except SystemExit as end:
        # Lightning turns Ctrl-C into SystemExit, whose context is the original exception.
        if isinstance(end.__context__, KeyboardInterrupt):
            raise end.__context__ from None
        raise
