"""Where a batch of documents is padding, and how documents are reversed in front of it."""

import torch
from torch import Tensor


def padding(states: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time, 1): true where a position lies behind its document's end."""
    positions = torch.arange(states.shape[1], device=states.device)
    return (positions >= lengths.to(states.device).unsqueeze(1)).unsqueeze(2)


def reversed_positions(lengths: Tensor, time: int) -> Tensor:
    """The position that each position of the reversed documents comes from; padding stays where it is.

    To reverse twice is to change nothing.

    Args:
        lengths: (batch,)
        time: positions, with padding

    Returns:
        (batch, time), int64

    Example:
        >>> reversed_positions(torch.tensor([3, 1]), 4).tolist()
        [[2, 1, 0, 3], [0, 1, 2, 3]]
    """
    positions = torch.arange(time, device=lengths.device).expand(len(lengths), time)
    mirrored = lengths.unsqueeze(1) - 1 - positions
    return torch.where(mirrored >= 0, mirrored, positions)
