"""Documents that are read in pieces of a fixed number of tokens, as in Johnson & Zhang (2016).

States start anew in each piece (Supervised and Semi-Supervised Text Categorization using LSTM for Region Embeddings,
ICML 2016, section 3.1, "chopping"), so that all pieces are read at the same time, and a gradient stays within one.
"""

import torch
from torch import Tensor


def piece_lengths(lengths: Tensor, time: int, segment: int) -> Tensor:
    """The tokens of each piece of `segment` tokens, (batch, time / segment); `time` is a multiple of `segment`.

    Example:
        >>> piece_lengths(torch.tensor([7, 2]), time=9, segment=3).tolist()
        [[3, 3, 1], [2, 0, 0]]
    """
    starts = torch.arange(0, time, segment, device=lengths.device)
    return (lengths.unsqueeze(1) - starts).clamp(0, segment)


def padded_time(time: int, segment: int | None) -> int:
    """The positions of a batch that is padded to whole pieces.

    >>> [padded_time(7, 3), padded_time(6, 3), padded_time(2, 3), padded_time(7, None)]
    [9, 6, 2, 7]
    """
    return time if segment is None or time <= segment else -(-time // segment) * segment
