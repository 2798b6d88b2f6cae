"""A calculation on all cores beside the same one on a single core."""

import os
from collections.abc import Callable

import torch
from torch import Tensor


def check_one_core_gives_the_same_bits(compute: Callable[[], list[Tensor]]) -> None:
    """Runs `compute` twice; needs a system that binds processes to cores."""
    cores = os.sched_getaffinity(0)
    together = compute()
    os.sched_setaffinity(0, {min(cores)})
    try:
        alone = compute()
    finally:
        os.sched_setaffinity(0, cores)
    for one, other in zip(together, alone, strict=True):
        assert torch.equal(one, other)
