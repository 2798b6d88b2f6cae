"""How a recurrent layer's work on the CPU is divided into two parts that run at the same time.

Each step depends on the one before. But the two directions of a layer or, with one direction, the two halves of the
documents are independent of each other.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from models.cpu import embedding_loops
from models.padding import reversed_positions
from models.pieces import padded_time, piece_lengths


class Part(NamedTuple):
    """What one thread reads of a layer.

    Attributes:
        reads: int32 (time, documents), the row of the inputs that is read at each step.
        places: int32 (time, documents), the row of the layer's output to which a step's state goes.
        direction: whose weights read it, 0 or 1.
        half: whether it reads half of the documents, and so maybe only some of the inputs.
    """

    reads: Tensor
    places: Tensor
    direction: int
    half: bool


def parts_of(
    index: Tensor, lengths: Tensor, *, bidirectional: bool, last_only: bool, segment: int | None = None
) -> list[Part]:
    """The parts of a layer that reads the input `index` (batch, time), int32, at each position.

    With `segment`, documents are padded to whole pieces, and each piece is read like a document of its own.

    A forward direction never sees the padding to its right. A backward direction is a forward one over documents that
    are reversed within their own `lengths` (batch,).
    """
    if segment is not None:
        # The padding reads what the last real position reads, which is in the same piece: two halves share no position.
        more = padded_time(index.shape[1], segment) - index.shape[1]
        index = torch.cat([index, index[:, -1:].expand(-1, more)], dim=1)
    places = all_positions(*index.shape)
    if segment is not None:
        index, places, lengths = _pieces(index, places, lengths, min(segment, index.shape[1]))
    if bidirectional:
        order = reversed_positions(lengths, index.shape[1])
        forward = Part(_by_step(index), _by_step(places), 0, False)
        parts = [forward, Part(_by_step(index.gather(1, order)), _by_step(places.gather(1, order)), 1, False)]
    else:
        halves = zip(index.tensor_split(2), places.tensor_split(2), strict=True)
        parts = [Part(_by_step(half), _by_step(where), 0, True) for half, where in halves if half.numel()]
    return [_last_only(part, lengths, number) for number, part in enumerate(parts)] if last_only else parts


def _last_only(part: Part, lengths: Tensor, number: int) -> Part:
    """The part, changed so that output row d gets only the last state of document d.

    All other states overwrite each other in one further row, which the part's `number` selects. That row stays in the
    cache: these states are not written to memory, nor read from there in the backward pass.
    """
    time, count = part.places.shape
    documents = (part.places[0] // time).long()  # whatever the direction, a document's places lie together
    places = torch.full_like(part.places, len(lengths) + number)
    places[lengths[documents] - 1, torch.arange(count)] = documents.int()
    return part._replace(places=places)


def _pieces(index: Tensor, places: Tensor, lengths: Tensor, segment: int) -> tuple[Tensor, Tensor, Tensor]:
    """Both as (pieces, segment), and the pieces' lengths (pieces,); those that are padding alone are left out."""
    of_pieces = piece_lengths(lengths, index.shape[1], segment).flatten()
    real = of_pieces > 0
    return index.view(-1, segment)[real], places.view(-1, segment)[real], of_pieces[real]


def all_positions(batch: int, time: int) -> Tensor:
    """int32 (batch, time): 0, 1, 2, … document by document."""
    return torch.arange(batch * time, dtype=torch.int32).view(batch, time)


def distinct(values: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The different values (rows,) of int32 `values` (…, …) below `size`, in order of appearance, and each one's row.

    Example:
        >>> distinct(torch.tensor([[7, 9], [9, 8]], dtype=torch.int32), size=10)
        (tensor([7, 9, 8], dtype=torch.int32), tensor([[0, 1],
                [1, 2]], dtype=torch.int32))
    """
    different, index = np.empty(values.numel(), np.int32), np.empty(values.shape, np.int32)
    count = embedding_loops.number(values.numpy(), different, index, np.full(size, -1, np.int32))
    return torch.from_numpy(different[:count]), torch.from_numpy(index)


def _by_step(values: Tensor) -> Tensor:
    """(batch, time) -> (time, batch), in this order in memory, too."""
    return values.t().contiguous()
