"""Dropout of word vectors on the CPU, where PyTorch's generator takes longer than a layer's product x W_x.

A hash of a number's position and of one draw from PyTorch's generator decides whether the number is dropped, so no
mask is kept for the backward pass. The same seed gives the same bits, on one core or two.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.cpu import embedding_loops
from models.cpu.threads import halves, in_parallel


def dropout(values: Tensor, p: float) -> Tensor:
    """`values` with each number 0 with probability `p`, else divided by 1 − p."""
    result: Tensor = _Dropout.apply(values, p)  # type: ignore[no-untyped-call]
    return result


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, p: float) -> Tensor:
        context.p, context.seeds = p, torch.randint(2**32, (2,)).numpy().astype(np.uint32)
        return _dropped(values, p, context.seeds)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_result: Tensor) -> Any:
        return _dropped(d_result, context.p, context.seeds), None


def _dropped(values: Tensor, p: float, seeds: Any) -> Tensor:
    values = values.contiguous()
    result = torch.empty_like(values)
    flat = values.detach().view(-1).numpy()
    scale = flat.dtype.type(1 / (1 - p))
    arguments = (seeds, np.uint32(round(p * 2**32)), scale, flat, result.view(-1).numpy())
    in_parallel(*(partial(embedding_loops.drop, *half, *arguments) for half in halves(len(flat))))
    return result
