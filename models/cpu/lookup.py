"""Rows of an embedding whose gradient is sparse, as torch.nn.functional.embedding's, but not copied once more."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def lookup(table: Tensor, which: Tensor, padding_index: int) -> Tensor:
    """The rows `which` of `table` (rows, size), int32 and none twice; the one at `padding_index` gets no gradient.

    Returns:
        (len(which), size)
    """
    rows: Tensor = _Lookup.apply(table, which, padding_index)  # type: ignore[no-untyped-call]
    return rows


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, table: Tensor, which: Tensor, padding_index: int) -> Tensor:
        context.save_for_backward(which)
        context.shape, context.padding_index = table.shape, padding_index
        return table.index_select(0, which)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_rows: Tensor) -> Any:
        (which,) = context.saved_tensors
        padding = which == context.padding_index
        # Nothing is read from padding, so that this is not 0 only where a text itself has the padding's token.
        if d_rows[padding].any():
            d_rows = d_rows.masked_fill(padding[:, None], 0)
        d_table = torch.sparse_coo_tensor(
            which[None].long(), d_rows, context.shape, is_coalesced=True, check_invariants=False
        )
        return d_table, None, None
