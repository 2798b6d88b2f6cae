"""Pooling: turns the states of all positions into one vector per document.

Every pooling takes `states` (batch, time, size) and `lengths` (batch,) and returns (batch, size); a `JoinedPooling`
returns (batch, poolings·size). The states of padding never matter.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from config.choices import Pooling, PoolingName
from models.backend import backend
from models.padding import padding


class LastPooling(nn.Module):
    """Each direction's final state: the forward one at the last token, the backward one at the first."""

    def __init__(self, bidirectional: bool) -> None:
        super().__init__()
        self.bidirectional = bidirectional

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:  # noqa: D102
        last = states[torch.arange(len(lengths), device=states.device), lengths.to(states.device) - 1]  # (batch, size)
        if not self.bidirectional:
            return last
        half = states.shape[2] // 2
        return torch.cat([last[:, :half], states[:, 0, half:]], dim=1)


class MaxPooling(nn.Module):
    """The largest value of each number over all positions."""

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:  # noqa: D102
        return backend(states.device).max_pooling(states, lengths)


class MeanPooling(nn.Module):
    """The mean of each number over all positions."""

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:  # noqa: D102
        total = states.masked_fill(padding(states, lengths), 0).sum(dim=1)  # (batch, size)
        return total / lengths.to(states.device).unsqueeze(1)


class AttentionPooling(nn.Module):
    """A learned weighted mean of the positions (Yang et al. 2016, Hierarchical Attention Networks, eq. 5 to 7)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, size)
        self.context = nn.Linear(size, 1, bias=False)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:  # noqa: D102
        scores = self.context(torch.tanh(self.hidden(states)))  # (batch, time, 1)
        weights = scores.masked_fill(padding(states, lengths), -torch.inf).softmax(dim=1)
        document: Tensor = (weights * states.masked_fill(padding(states, lengths), 0)).sum(dim=1)
        return document


class JoinedPooling(nn.Module):
    """The vectors of several poolings, side by side (concat pooling; Howard & Ruder, ACL 2018, section 3.3)."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:  # noqa: D102
        return torch.cat([part(states, lengths) for part in self.parts], dim=1)  # (batch, poolings·size)


def build_pooling(pooling: Pooling, size: int, bidirectional: bool) -> nn.Module:
    """The pooling, or the joined ones, for states of `size` numbers."""
    if isinstance(pooling, list):
        return JoinedPooling([_build(name, size, bidirectional) for name in pooling])
    return _build(pooling, size, bidirectional)


def _build(name: PoolingName, size: int, bidirectional: bool) -> nn.Module:
    match name:
        case "last":
            return LastPooling(bidirectional)
        case "max":
            return MaxPooling()
        case "mean":
            return MeanPooling()
        case "attention":
            return AttentionPooling(size)
