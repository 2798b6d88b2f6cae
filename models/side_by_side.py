"""Two independent calculations at the same time, on two cores, with the bits that they would have one after another.

A process that is bound to one core (pipelines/grid.py, taskset) does them one after another.

A recurrent kernel this small gains little from a second thread, for it has to wait for its own previous step. But the
two directions of a layer, or two halves of a batch, wait only for themselves, in the forward and in the backward pass.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Calculation = Callable[..., Tensor]
Result = TypeVar("Result")


def side_by_side(
    calculate: Calculation, first: tuple[Tensor, ...], second: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """`calculate(*first)` and `calculate(*second)`, differentiable once with respect to all tensors."""
    if torch.is_grad_enabled():
        one, other = _SideBySide.apply(calculate, len(first), *first, *second)  # type: ignore[no-untyped-call]
        return one, other
    inference = torch.is_inference_mode_enabled()

    def calculate_other() -> Tensor:
        with torch.inference_mode(inference), torch.no_grad():
            return calculate(*second)

    return in_parallel(lambda: calculate(*first), _as_here(calculate_other))


class _SideBySide(torch.autograd.Function):
    """Records one small graph for each calculation, and walks back through both at the same time."""

    @staticmethod
    def forward(context: Any, calculate: Calculation, split: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        def record(inputs: tuple[Tensor, ...]) -> tuple[list[Tensor], Tensor]:
            with torch.enable_grad():
                leaves = [tensor.detach().requires_grad_(tensor.requires_grad) for tensor in inputs]
                return leaves, calculate(*leaves)

        context.graphs = in_parallel(lambda: record(tensors[:split]), _as_here(lambda: record(tensors[split:])))
        (_, one), (_, other) = context.graphs
        return one.detach(), other.detach()

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Tensor) -> Any:
        def walk_back(number: int) -> list[Tensor | None]:
            leaves, result = context.graphs[number]
            wanted = [leaf for leaf in leaves if leaf.requires_grad]
            found = iter(torch.autograd.grad(result, wanted, gradients[number]))
            return [next(found) if leaf.requires_grad else None for leaf in leaves]

        one, other = in_parallel(lambda: walk_back(0), lambda: walk_back(1))
        return None, None, *one, *other


def in_parallel(here: Callable[[], Result], there: Callable[[], Result]) -> tuple[Result, Result]:
    """Both results; `there` is called in a second thread, if there is a core for it."""
    if not _second_core():
        return here(), there()
    other = _second_thread().submit(there)
    return here(), other.result()


def _second_core() -> bool:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) > 1
    return os.cpu_count() != 1


def _as_here(calculate: Callable[[], Result]) -> Callable[[], Result]:
    """`calculate` under this thread's autocast, of which another thread knows nothing."""
    enabled, dtype = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")

    def calculate_there() -> Result:
        with torch.autocast("cpu", dtype=dtype, enabled=enabled):
            return calculate()

    return calculate_there


@cache
def _second_thread() -> ThreadPoolExecutor:
    # A new thread would take as many kernel threads as there are cores.
    return ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(torch.get_num_threads(),))
