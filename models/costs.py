"""What a training costs, measured while it runs."""

import time
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer


class Costs(Callback):
    """Times the epochs and counts their tokens; padding is none.

    Attributes:
        epochs: one dictionary an epoch: ended (milliseconds since 1970), epoch_seconds (validation included),
            tokens_per_second (of the training part, all processes together)
    """

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self._tokens = 0
        self._started = 0.0
        self._trained = 0.0
        self._all_tokens = 0
        self._all_seconds = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts the clock."""
        self._tokens = 0
        self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Counts this process's tokens."""
        self._tokens += int(batch.lengths.sum())
        self._trained = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation is over, too: the line is complete."""
        tokens, seconds = self._tokens * trainer.world_size, self._trained - self._started
        self._all_tokens += tokens
        self._all_seconds += seconds
        self.epochs.append(
            {
                "ended": time.time_ns() // 1_000_000,
                "epoch_seconds": time.perf_counter() - self._started,
                "tokens_per_second": tokens / seconds,
            }
        )

    def measured(self) -> dict[str, Any]:
        """The epochs, the seconds of all of them, and real tokens a second over all training parts."""
        return {
            "epochs": self.epochs,
            "training_seconds": sum(epoch["epoch_seconds"] for epoch in self.epochs),
            "tokens_per_second_mean": self._all_tokens / self._all_seconds,
        }
