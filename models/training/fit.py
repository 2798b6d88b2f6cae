"""Fits a classifier with Lightning: on one CPU or GPU, or on several through DDP."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from torch import Tensor
from torch.utils.data import DataLoader

from config.choices import Monitor
from models.backend import backend
from models.training.cost_meter import Costs
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing, OwnSignals, StepSeeds
from models.training.trainer import ResumableData, add_checkpointing, make_trainer, run
from models.training.warmup import warm_up
from text.batches import Batch, Documents, loader
from text.endless import EndlessBatches
from text.token_counts import token_counts


def build_trainer(
    *,
    epochs: int,
    gradient_clip: float | None,
    early_stopping: int | None,
    monitor: Monitor,
    accelerator: str,
    devices: int,
    num_nodes: int,
    strategy: str,
    precision: Any,
) -> Trainer:
    """A trainer for classifiers.

    Raises:
        ParamsError: with several nodes, the address of the first one is not known.
    """
    stopping = [] if early_stopping is None else [EarlyStopping(monitor, mode=_mode(monitor), patience=early_stopping)]
    return make_trainer(
        epochs=epochs,
        gradient_clip=gradient_clip,
        accelerator=accelerator,
        devices=devices,
        num_nodes=num_nodes,
        strategy=strategy,
        precision=precision,
        lines=PlainProgress(),
        callbacks=stopping,
    )


def fit(
    trainer: Trainer,
    module: ClassifierModule,
    train: Documents,
    validation: Documents,
    *,
    batch_size: int,
    batch_tokens: int | None = None,
    seed: int,
    monitor: Monitor,
    costs: Costs | None = None,
    callbacks: Sequence[Callback] = (),
    checkpointing: Checkpointing | None = None,
    unlabelled: Documents | None = None,
) -> None:
    """Trains `module`; afterwards it has the validated weights of the epoch in which `monitor` was best.

    With `batch_tokens` a step has about that many tokens instead of `batch_size` documents. If `checkpointing` has a
    state, the training resumes from it. `costs` measures the training, and may end it. `unlabelled` documents are
    needed if the module's extra losses read a batch of them in each step. Class weights and, for normalized embeddings,
    the words' shares are those of `train`.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM stopped the training.
        ParamsError: the first step took longer than train.max_seconds.
    """
    module.weigh(train.labels)
    if (embedding := module.classifier.embedding).shares is not None:
        embedding.count(torch.from_numpy(token_counts(train, embedding.num_embeddings)))
    best, costs = BestWeights(monitor), costs or Costs()
    trainer.callbacks.extend([StepSeeds(seed), OwnSignals(), best, costs, *callbacks])  # type: ignore[attr-defined]
    resumed = add_checkpointing(trainer, checkpointing)
    sizes = BatchSizes(batch_size, batch_tokens)
    costs.startup_seconds = warm_up(trainer, module, train, sizes.documents(int(train.lengths.max())))
    if unlabelled is not None and module.extra_losses is not None:
        device = trainer.strategy.root_device
        module.unlabelled = EndlessBatches(
            unlabelled,
            module.extra_losses.unlabelled_batch,
            seed=seed,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
            batches=backend(device).batches(unlabelled, device),
        )
    run(trainer, module, Loaders(train, validation, sizes, seed), resumed)
    module.load_state_dict(best.weights)


class BatchSizes(NamedTuple):
    """train.batch_size and train.batch_tokens, which replaces it unless it is None."""

    size: int
    tokens: int | None

    @property
    def fixed(self) -> int | None:
        """Documents per process in every step except an epoch's last one; None: the number varies."""
        return self.size if self.tokens is None else None

    def documents(self, longest: int) -> int:
        """Documents per process in a step whose longest document has `longest` tokens."""
        return self.size if self.tokens is None else max(self.tokens // longest, 1)

    def most_tokens(self, lengths: NDArray[np.int32]) -> int:
        """The tokens of the largest step, with its padding, for documents of these `lengths` (documents,)."""
        longest = int(lengths.max())
        return min(self.documents(longest), len(lengths)) * longest


class Loaders(ResumableData):
    """Each process's share of the documents, once Lightning knows how many processes there are."""

    def __init__(self, train: Documents, validation: Documents, sizes: BatchSizes, seed: int) -> None:
        super().__init__()
        self.train = train
        self.validation = validation
        self.sizes = sizes
        self.seed = seed

    def train_dataloader(self) -> DataLoader[Batch]:
        """This process's part of the training split, shuffled by (seed, epoch)."""
        return self._loader(self.train, self.seed, self.start)

    def val_dataloader(self) -> DataLoader[Batch]:
        """This process's part of the validation split."""
        return self._loader(self.validation, None)

    def _loader(self, documents: Documents, seed: int | None, start: int = 0) -> DataLoader[Batch]:
        assert self.trainer is not None
        rank, world_size = self.trainer.global_rank, self.trainer.world_size
        device = self.trainer.strategy.root_device
        batches = backend(device).batches(documents, device)
        return loader(
            documents,
            self.sizes.fixed,
            seed=seed,
            batch_tokens=self.sizes.tokens,
            rank=rank,
            world_size=world_size,
            start=start,
            batches=batches,
        )


class BestWeights(Callback):
    """Keeps a copy of the validated weights of the first epoch in which `monitor` was best."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor
        self.best: float | None = None
        self.weights: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"best": self.best, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.best, self.weights = state_dict["best"], state_dict["weights"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compares the epoch with the best one so far."""
        assert isinstance(pl_module, ClassifierModule)
        value = pl_module.history[-1][self.monitor]
        sign = 1 if _mode(self.monitor) == "max" else -1
        if self.best is None or sign * value > sign * self.best:
            self.best = value
            self.weights = pl_module.evaluated_weights()


class PlainProgress(Callback):
    """Prints one line per epoch, for output that is not a terminal."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the epoch's line of history."""
        assert isinstance(pl_module, ClassifierModule)
        if trainer.is_global_zero:
            line = pl_module.history[-1]
            print(
                f"epoch {line['epoch']:.0f}/{trainer.max_epochs}"
                f"  train loss {line['train_loss']:.4f}  accuracy {line['train_accuracy']:.4f}"
                f"  validation loss {line['validation_loss']:.4f}  accuracy {line['validation_accuracy']:.4f}",
                flush=True,
            )


def _mode(monitor: Monitor) -> Literal["min", "max"]:
    return "min" if monitor == "validation_loss" else "max"
