"""Where a batch of documents is padding."""

import torch
from torch import Tensor


def padding(states: Tensor, lengths: Tensor) -> Tensor:
    """(batch, time, 1): true where a position lies behind its document's end."""
    positions = torch.arange(states.shape[1], device=states.device)
    return (positions >= lengths.to(states.device).unsqueeze(1)).unsqueeze(2)
