"""Max pooling on the CPU in one pass over the states; PyTorch's operations would mask and copy them first."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.compiled import compiled
from models.cpu.threads import halves, in_parallel


def max_pooling(states: Tensor, lengths: Tensor) -> Tensor:
    """See models/backend.py; of equal numbers the first one gets the gradient."""
    values: Tensor = _MaxPooling.apply(states, lengths)
    return values


class _MaxPooling(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, states: Tensor, lengths: Tensor) -> Tensor:
        batch, _, size = states.shape
        values, places = states.new_empty(batch, size), torch.empty(batch, size, dtype=torch.int32)
        arrays = (states.detach().contiguous().numpy(), lengths.int().numpy(), values.numpy(), places.numpy())
        in_parallel(*(partial(_find, *half, *arrays) for half in halves(batch)))
        context.shape = states.shape
        context.save_for_backward(places)
        return values

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_values: Tensor) -> Any:
        (places,) = context.saved_tensors
        d_states = d_values.new_zeros(context.shape)
        return d_states.scatter_(1, places.long().unsqueeze(1), d_values.unsqueeze(1)), None


@compiled
def _find(first, last, states, lengths, values, places):
    """For documents from `first` to `last` - 1: the maximum of each number (batch, size), and its position.

    NaN counts as the largest number, as in PyTorch.
    """
    for document in range(first, last):
        value, place = values[document], places[document]
        value[:] = states[document, 0]
        place[:] = 0
        for t in range(1, lengths[document]):
            state, now = states[document, t], np.int32(t)
            for j in range(len(value)):
                larger = (state[j] > value[j]) | (state[j] != state[j])
                place[j] = now if larger else place[j]
                value[j] = state[j] if larger else value[j]
