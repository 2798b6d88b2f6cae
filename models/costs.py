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
        self._elapsed = 0.0
        self._all_tokens = 0
        self._all_seconds = 0.0

    def state_dict(self) -> dict[str, Any]:
        """For checkpoints: what has been measured, and how long the epoch has taken so far."""
        now = time.perf_counter()
        kept = {name: getattr(self, name) for name in ("epochs", "_tokens", "_all_tokens", "_all_seconds")}
        return {**kept, "elapsed": now - self._started}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Of a checkpoint."""
        self._elapsed = state_dict.pop("elapsed")
        vars(self).update(state_dict)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets the clock of an epoch that goes on run on."""
        self._started = time.perf_counter() - self._elapsed

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
