"""AdamW (Loshchilov and Hutter 2019) on the CPU, which updates an embedding's rows lazily, before they are next read.

The weights are those of PyTorch's AdamW, up to rounding (tests/models/test_adamw.py). AdamW changes every weight in
every step, since its moments decay slowly; for 20,000 words these are 60 MB in memory. Here a row without a gradient
waits until `catch_up` takes all the steps that it missed at once, while its numbers are in the processor's cache: each
step costs a division. How often rows catch up changes no bit. Averages of the weights (models/averaging.py) wait and
catch up with them.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from models.averaging import AVERAGE, Share
from models.cpu import embedding_loops
from models.cpu.threads import in_parallel
from models.embedding import WordEmbedding

BETAS = (0.9, 0.999)
EPSILON = 1e-8
REMEMBERED = 1000  # steps after which all rows catch up


class _Table:
    """Weights and their moments as rows, the last step of each row, and the numbers of the steps since then.

    Attributes:
        arrays: the weights, their first moments, the roots of the second ones, and their averages, each (rows,
            columns); without averages the last is empty.
        every: int32 (rows,), the numbers of all rows.
        done: int32 (rows,), the last step that each row has taken.
        numbers: (REMEMBERED, 4), for each step from `start` on: decay, learning rate, scale of the second moment's
            root, and the share of the new weights in the average.
    """

    def __init__(self, weights: Tensor, state: dict[str, Any]) -> None:
        tensors = [weights, state["first"], state["root"], *([state[AVERAGE]] if AVERAGE in state else [])]
        self.arrays = [_rows(tensor).numpy() for tensor in tensors]
        if AVERAGE not in state:
            self.arrays.append(self.arrays[0][:0])
        self.every = np.arange(len(self.arrays[0]), dtype=np.int32)
        self.start: int = state["step"]
        self.done: NDArray[np.int32] = np.full(len(self.every), self.start, np.int32)
        self.numbers = np.zeros((REMEMBERED, 4))


class RowwiseAdamW(Optimizer):
    """Takes dense gradients, and sparse ones in which no row is named twice.

    After a step with a sparse gradient the other rows are behind: call `catch_up` before they are read. `state_dict`
    does so itself, and the embedding `lazy` does before it is read or saved.
    """

    def __init__(
        self,
        weights: Iterable[Tensor] | Iterable[dict[str, Any]],
        *,
        lr: float,
        weight_decay: float,
        lazy: WordEmbedding | None = None,
        averaging: Share | None = None,
    ) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay})
        self._averaging = averaging
        self._tables: dict[Tensor, _Table] = {}
        if lazy is not None:
            lazy.update_rows = partial(self.catch_up, lazy.weight)

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
        """Takes the steps that the rows `which` of `weights` missed: int32, none twice; None: all rows."""
        if weights in self.state:
            _move([self._missed(weights, which)])

    def state_dict(self) -> dict[str, Any]:
        """PyTorch's, after all rows have caught up."""
        for weights in self._tables:
            self.catch_up(weights)
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from a state."""
        self._tables.clear()
        super().load_state_dict(state_dict)

    def _next(self, weights: Tensor, learning_rate: float, weight_decay: float) -> list[Any]:
        """The loop's arguments for one more step."""
        state = self.state[weights]
        if not state:
            state |= {"step": 0, "first": torch.zeros_like(weights), "root": torch.zeros_like(weights)}
            if self._averaging is not None:
                state[AVERAGE] = torch.zeros_like(weights)
        table = self._table(weights)
        if state["step"] - table.start == REMEMBERED:
            self.catch_up(weights)
            table.start = state["step"]
        table.numbers[state["step"] - table.start] = (
            1 - learning_rate * weight_decay,
            learning_rate / (1 - BETAS[0] ** (state["step"] + 1)),
            (1 - BETAS[1] ** (state["step"] + 1)) ** -0.5,
            0.0 if self._averaging is None else self._averaging(state["step"] + 1),
        )
        state["step"] += 1
        gradient, which = weights.grad, table.every
        assert gradient is not None
        if gradient.is_sparse:
            gradient, which = gradient._values(), gradient._indices()[0].int().numpy()
        rows = gradient.contiguous().numpy().reshape(len(which), table.arrays[0].shape[1])
        return [which, rows, *table.arrays, table.done, table.numbers, table.start, state["step"]]

    def _missed(self, weights: Tensor, which: Tensor | None) -> list[Any]:
        """The loop's arguments for the steps before the next one."""
        table = self._table(weights)
        rows = table.every if which is None else which.numpy()
        nothing = table.arrays[0][:0]
        return [rows, nothing, *table.arrays, table.done, table.numbers, table.start, self.state[weights]["step"]]

    def _table(self, weights: Tensor) -> _Table:
        if weights not in self._tables:
            self._tables[weights] = _Table(weights, self.state[weights])
        return self._tables[weights]


def _move(moves: list[list[Any]]) -> None:
    """Takes steps, for every second row on each core: rows that were read last come first, and have missed fewer."""
    adamw: Any = embedding_loops.adamw

    def move_every_second(first: int) -> None:
        for arrays in moves:
            adamw(first, 2, *arrays, (*BETAS, EPSILON))

    in_parallel(partial(move_every_second, 0), partial(move_every_second, 1))


def _rows(weights: Tensor) -> Tensor:
    """(rows, columns): matrices as they are, a vector as one row."""
    weights = weights.detach()
    return weights[None] if weights.ndim == 1 else weights.view(len(weights), -1)
