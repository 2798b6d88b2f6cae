"""Batches of unlabelled documents for the steps of a training; a step gets the same batch after a resume."""

from typing import Any

from torch.utils.data import Dataset

from text.batches import Documents, LengthBuckets, Share


class EndlessBatches:
    """The batches of one process, epoch after epoch of these documents; `endless[step]` is the one of a step.

    `batches` makes a batch of each Share. See `LengthBuckets` for the other arguments.
    """

    def __init__(
        self,
        documents: Documents,
        batch_size: int,
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        batches: Dataset[Any],
    ) -> None:
        self._buckets = LengthBuckets(documents.lengths, batch_size, seed=seed, rank=rank, world_size=world_size)
        self._batches = batches
        self._epoch = -1
        self._shares: list[Share] = []

    def __getitem__(self, step: int) -> Any:
        """The batch of this step of the training."""
        epoch, position = divmod(step, len(self._buckets))
        if epoch != self._epoch:
            self._buckets.set_epoch(epoch)
            self._epoch, self._shares = epoch, list(self._buckets)
        return self._batches[self._shares[position]]
