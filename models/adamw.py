"""AdamW (Loshchilov and Hutter 2019) on the CPU, where an embedding's gradient is given by the rows that were read.

As PyTorch's, up to rounding (tests/models/test_adamw.py): every weight moves in every step, for its moments live on.
But the zeros that would stand for the rows that were not read, 10 MB for 20,000 words, are never made, summed up,
clipped and read; and the two halves of the rows are passed over at the same time.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from models.side_by_side import in_parallel

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class RowwiseAdamW(Optimizer):
    """Takes dense gradients, and sparse ones in which no row is named twice."""

    def __init__(self, weights: Iterable[Tensor], *, lr: float, weight_decay: float) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step for all weights that have a gradient; `closure`, if given, computes those first."""
        from models import kernels  # takes half a second, and not all that import this move anything

        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moves = [
            self._move(weights, group["lr"], group["weight_decay"])
            for group in self.param_groups
            for weights in group["params"]
            if weights.grad is not None
        ]

        def move(half: int) -> None:
            for arrays in moves:
                rows = len(arrays[0])
                kernels.adamw(rows * half // 2, rows * (half + 1) // 2, *arrays)

        in_parallel(partial(move, 0), partial(move, 1))
        return loss

    def _move(self, weights: Tensor, learning_rate: float, weight_decay: float) -> list[Any]:
        """The arrays that the loop wants."""
        state = self.state[weights]
        if not state:
            state |= {"step": 0, "first": torch.zeros_like(weights), "second": torch.zeros_like(weights)}
        state["step"] += 1
        gradient, place = _rows(weights)
        tables = [_table(weights), _table(state["first"]), _table(state["second"]), gradient]
        numbers = [
            1 - learning_rate * weight_decay,
            BETAS[0],
            1 - BETAS[0],
            BETAS[1],
            1 - BETAS[1],
            learning_rate / (1 - BETAS[0] ** state["step"]),
            (1 - BETAS[1] ** state["step"]) ** -0.5,
            EPSILON,
        ]
        return [tensor.numpy() for tensor in (*tables, place, torch.tensor(numbers, dtype=weights.dtype))]


def values(weights: Tensor) -> Tensor:
    """The numbers of the gradient that may differ from 0."""
    gradient = weights.grad
    assert gradient is not None
    return gradient._values() if gradient.is_sparse else gradient


def _table(weights: Tensor) -> Tensor:
    """(rows, columns): matrices as they are, a vector as one row."""
    weights = weights.detach()
    return weights[None] if weights.ndim == 1 else weights.view(len(weights), -1)


def _rows(weights: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient's rows, and for each row of the weights which of those is its own, int32, -1 if none is."""
    gradient, table = values(weights).contiguous(), _table(weights)
    assert weights.grad is not None
    if not weights.grad.is_sparse:
        return _table(gradient), torch.arange(len(table), dtype=torch.int32)
    place = torch.full((len(table),), -1, dtype=torch.int32)
    place[weights.grad._indices()[0]] = torch.arange(len(gradient), dtype=torch.int32)
    return gradient, place
