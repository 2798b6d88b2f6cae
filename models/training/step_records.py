"""What the training steps of an epoch add up to: one row a step, on the device, so that no step waits for a GPU."""

from typing import NamedTuple

import torch
from torch import Tensor

from core.constants import LARGEST_ERROR


class Totals(NamedTuple):
    """Sums over the documents of a batch, () each."""

    loss: Tensor
    correct: Tensor
    solved: Tensor
    documents: Tensor


NORM = len(Totals._fields)  # the column of the gradient's norm


def totals(logits: Tensor, labels: Tensor, loss: Tensor) -> Totals:
    """What one batch adds to an epoch's means; `loss` is the sum over its documents."""
    correct = (logits.argmax(dim=1) == labels).sum()
    right = labels.unsqueeze(1) == torch.arange(logits.shape[1], device=labels.device)  # (batch, classes)
    errors = (logits.detach().softmax(dim=1) - right.to(logits)).abs().amax(dim=1)  # (batch,)
    solved = (errors < LARGEST_ERROR).sum()
    return Totals(loss.detach(), correct, solved, torch.full_like(correct, len(labels)))


def sums(rows: Tensor) -> Tensor:
    """The sum (4,) of the totals of batches, whose rows are (batches, 4 or 5).

    In float64, so that the order of the batches does not change the digits that are written to files.
    """
    return rows[:, :NORM].contiguous().sum(dim=0)


class StepRecords:
    """The totals and gradient norms of an epoch's steps.

    Args:
        steps: the number of steps in an epoch.
        rows: float64 (count, 5), for the steps that a resumed training has already taken in this epoch.

    Attributes:
        count: steps so far. A CUDA graph adds its row itself; the code that runs the graph adds 1 here.
    """

    def __init__(self, steps: int, device: torch.device, rows: Tensor | None = None) -> None:
        self.count = 0 if rows is None else len(rows)
        self._rows = torch.zeros(steps, NORM + 1, dtype=torch.float64, device=device)
        if rows is not None:
            self._rows[: self.count] = rows
        self._next = torch.full((1,), self.count, device=device)

    def add(self, batch: Totals, norm: Tensor) -> None:
        """Adds a step's row, but does not count it."""
        row = torch.stack([number.to(batch.loss) for number in (*batch, norm)]).double()
        self._rows.index_copy_(0, self._next, row.unsqueeze(0))
        self._next += 1

    @property
    def rows(self) -> Tensor:
        """(count, 5): the totals of each step and the norm of its gradient."""
        return self._rows[: self.count]

    def tensors(self) -> list[Tensor]:
        """All that `add` changes."""
        return [self._rows, self._next]

    def clear(self) -> None:
        """Begins an epoch."""
        self.count = 0
        self._next.zero_()
