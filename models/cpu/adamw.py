"""AdamW (Loshchilov and Hutter 2019) on the CPU, where an embedding's gradient is given by the rows that were read.

As PyTorch's, up to rounding (tests/models/test_adamw.py): every weight moves in every step, for its moments live on.
But a row without a gradient moves later, through all the steps that it missed, once somebody is going to read it
(`catch_up`): the steps cost a division each, while passing over 20,000 words and their moments in every step means
60 MB of memory. How often it is caught up with changes no bit.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from models.cpu.threads import in_parallel

BETAS = (0.9, 0.999)
EPSILON = 1e-8
REMEMBERED = 1000  # steps after which even a word that nobody reads is caught up with


class _Table:
    """Weights and their moments as rows, how far each row has come, and the numbers of the steps since then.

    Attributes:
        arrays: the weights, their first moments, and the roots of the second ones, each (rows, columns).
        every: int32 (rows,), the numbers of all rows.
        done: int32 (rows,), the last step that each row has moved in.
        numbers: (REMEMBERED, 3) of the steps from `start` on: decay, learning rate, and scale of the second moment's
            root.
    """

    def __init__(self, weights: Tensor, state: dict[str, Any]) -> None:
        self.arrays = [_rows(tensor).numpy() for tensor in (weights, state["first"], state["root"])]
        self.every = np.arange(len(self.arrays[0]), dtype=np.int32)
        self.start: int = state["step"]
        self.done: NDArray[np.int32] = np.full(len(self.every), self.start, np.int32)
        self.numbers = np.zeros((REMEMBERED, 3))


class RowwiseAdamW(Optimizer):
    """Takes dense gradients, and sparse ones in which no row is named twice.

    Before rows that may be behind are read, `catch_up` has to be called; `state_dict` does so itself.
    """

    def __init__(self, weights: Iterable[Tensor], *, lr: float, weight_decay: float) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay})
        self._tables: dict[Tensor, _Table] = {}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step for all weights that have a gradient; `closure`, if given, computes those first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        moves = [
            self._next(weights, group["lr"], group["weight_decay"])
            for group in self.param_groups
            for weights in group["params"]
            if weights.grad is not None
        ]
        _move(moves)
        return loss

    @torch.no_grad()
    def catch_up(self, weights: Tensor, which: Tensor | None = None) -> None:
        """Moves the rows `which` of `weights`, int32 and none twice, through the steps that they missed; None: all."""
        if weights in self.state:
            _move([self._missed(weights, which)])

    def state_dict(self) -> dict[str, Any]:
        """PyTorch's, of weights that have caught up."""
        for weights in self._tables:
            self.catch_up(weights)
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from there."""
        self._tables.clear()
        super().load_state_dict(state_dict)

    def _next(self, weights: Tensor, learning_rate: float, weight_decay: float) -> list[Any]:
        """What the loop wants for one more step."""
        state = self.state[weights]
        if not state:
            state |= {"step": 0, "first": torch.zeros_like(weights), "root": torch.zeros_like(weights)}
        table = self._table(weights)
        if state["step"] - table.start == REMEMBERED:
            self.catch_up(weights)
            table.start = state["step"]
        table.numbers[state["step"] - table.start] = (
            1 - learning_rate * weight_decay,
            learning_rate / (1 - BETAS[0] ** (state["step"] + 1)),
            (1 - BETAS[1] ** (state["step"] + 1)) ** -0.5,
        )
        state["step"] += 1
        assert weights.grad is not None
        which = weights.grad._indices()[0].int().numpy() if weights.grad.is_sparse else table.every
        gradient = values(weights).contiguous().numpy().reshape(len(which), table.arrays[0].shape[1])
        return [which, gradient, *table.arrays, table.done, table.numbers, table.start, state["step"]]

    def _missed(self, weights: Tensor, which: Tensor | None) -> list[Any]:
        """What the loop wants for the steps before the next one."""
        table = self._table(weights)
        rows = table.every if which is None else which.numpy()
        nothing = table.arrays[0][:0]
        return [rows, nothing, *table.arrays, table.done, table.numbers, table.start, self.state[weights]["step"]]

    def _table(self, weights: Tensor) -> _Table:
        if weights not in self._tables:
            self._tables[weights] = _Table(weights, self.state[weights])
        return self._tables[weights]


def values(weights: Tensor) -> Tensor:
    """The numbers of the gradient that may differ from 0."""
    gradient = weights.grad
    assert gradient is not None
    return gradient._values() if gradient.is_sparse else gradient


def _move(moves: list[list[Any]]) -> None:
    """Every second row on each core: those that were read last come first, and have missed less."""
    from models.cpu import loops  # takes half a second, and not all that import this move anything

    adamw: Any = loops.adamw

    def move(first: int) -> None:
        for arrays in moves:
            adamw(first, 2, *arrays, (*BETAS, EPSILON))

    in_parallel(partial(move, 0), partial(move, 1))


def _rows(weights: Tensor) -> Tensor:
    """(rows, columns): matrices as they are, a vector as one row."""
    weights = weights.detach()
    return weights[None] if weights.ndim == 1 else weights.view(len(weights), -1)
