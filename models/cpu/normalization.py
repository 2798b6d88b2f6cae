"""Normalized word vectors on the CPU (`embedding_normalization: frequency`), computed only for the words of a batch.

Their mean and variance depend on all rows of the table, and so each row has a gradient in every step. With μ and σ of a
column, the normalized number n = (w − μ)/σ, the gradient d at the rows that were read (elsewhere 0), g = d/σ, and the
shares s:

    ∂/∂w_j = g_j − s_j Σ g − s_j (n_j − m) Σ g·n,   m = μ (1 − Σ s)/σ, which is 0 but for rounding

models/embedding.py has the plain version, from which autograd derives the same.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from core.constants import PADDING_INDEX
from models.cpu import embedding_loops
from models.cpu.threads import halves, in_parallel
from models.embedding import EPSILON


def normalized_rows(weight: Tensor, shares: Tensor, words: Tensor) -> Tensor:
    """The rows (n, size) of different `words` (n,), int32, of the normalized table; the gradient is dense."""
    rows: Tensor = _NormalizedLookup.apply(weight, shares, words)  # type: ignore[no-untyped-call]
    return rows


class _NormalizedLookup(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, weight: Tensor, shares: Tensor, words: Tensor) -> Tensor:
        mean, deviation = _mean_and_deviation(weight, shares)  # (size,) each, float64
        rows = (weight.index_select(0, words) - mean.to(weight.dtype)) / deviation.to(weight.dtype)
        context.save_for_backward(weight, shares, words, mean, deviation, rows)
        return rows

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_rows: Tensor) -> Any:
        if not context.needs_input_grad[0]:
            return None, None, None
        weight, shares, words, mean, deviation, rows = context.saved_tensors
        padding = words == PADDING_INDEX  # as nn.Embedding, which has no gradient there
        if padding.any():
            d_rows = d_rows.masked_fill(padding[:, None], 0)
        d_rows = d_rows / deviation.to(d_rows.dtype)  # g
        total = d_rows.sum(dim=0).double()
        along = (d_rows * rows).sum(dim=0).double()
        beside = mean * (1 - shares.sum(dtype=torch.float64)) / deviation  # m
        factor = -along / deviation
        constant = -total + along * (mean / deviation + beside)
        gradient = torch.empty_like(weight)
        vectors = [tensor.to(weight.dtype).numpy() for tensor in (constant, factor)]
        arrays = (shares.numpy(), weight.detach().numpy(), *vectors, gradient.numpy())
        in_parallel(*(partial(embedding_loops.fill_gradient, *half, *arrays) for half in halves(len(weight))))
        embedding_loops.add_rows(gradient.numpy(), words.numpy(), d_rows.contiguous().numpy())
        return gradient, None, None


def _mean_and_deviation(weight: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """The mean and standard deviation of each column, (size,) in float64."""
    rows, weights = shares.numpy(), weight.detach().numpy()
    centre = weights[-1].astype(np.float64)  # any row is close enough to the mean to keep the digits of differences
    sums = [np.zeros((2, weights.shape[1])) for _ in range(2)]
    in_parallel(
        *(
            partial(embedding_loops.add_shares, *half, rows, weights, centre, *own)
            for half, own in zip(halves(len(weights)), sums, strict=True)
        )
    )
    share, (distance, square) = float(rows.sum(dtype=np.float64)), sums[0] + sums[1]
    mean = share * centre + distance  # Σ s w
    # Σ s (w − μ)² = Σ s (w − c)² − 2 (μ − c) Σ s (w − c) + (μ − c)² Σ s
    variance = square - 2 * (mean - centre) * distance + (mean - centre) ** 2 * share
    return torch.from_numpy(mean), torch.from_numpy(np.sqrt(variance + EPSILON))
