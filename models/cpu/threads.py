"""Independent calculations at the same time, on two cores, with the same bits as one after another.

A process that is bound to one core (engine/workers.py, taskset) does them one after another.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

Result = TypeVar("Result")


def in_parallel(*calculations: Callable[[], Result]) -> list[Result]:
    """The results in order, without gradients. A second thread, if there is a core for it, calls all but the first."""
    with torch.no_grad():
        if not _second_core():
            return [calculate() for calculate in calculations]
        first, *others = calculations
        started = [_second_thread().submit(calculate) for calculate in others]
        return [first(), *(other.result() for other in started)]


def halves(count: int) -> list[tuple[int, int]]:
    """The first of each half of `count` things, and the one after its last."""
    return [(0, count // 2), (count // 2, count)]


def _second_core() -> bool:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) > 1
    return os.cpu_count() != 1


@cache
def _second_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, initializer=_as_here, initargs=(torch.get_num_threads(),))


def _as_here(threads: int) -> None:
    # A new thread would take as many kernel threads as there are cores, and record gradients.
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
