"""Word vectors on the CPU: each different word of a batch is looked up once, and multiplied once by the first layer.

Of the 7,430 tokens of an average batch of IMDB 1,750 are different.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from config.choices import Cell
from models.cpu import embedding_loops
from models.cpu.dropout import dropout
from models.cpu.normalization import normalized_rows
from models.cpu.parts import distinct
from models.cpu.recurrence import project
from models.embedding import IndexedVectors, Vectors, WordEmbedding
from models.weights import weights_of

LARGEST_TABLE = 2**26  # numbers: 256 MB


def embed(embedding: WordEmbedding, tokens: Tensor) -> Vectors:
    """See models/backend.py. If an optimizer updates rows lazily, the gradient is sparse and names each row once.

    Word dropout leaves fewer different words. Locked dropout gives the same vector to a word wherever it stands in a
    document; other dropout gives each position a vector of its own.
    """
    words, rows = distinct(embedding.drop_words(tokens), embedding.num_embeddings)  # (n,), (batch, time)
    vectors = _look_up(embedding, words)  # (n, size)
    if not embedding.dropout.drops:
        return IndexedVectors(vectors, rows)
    if not embedding.dropout.locked:
        return dropout(by_position(IndexedVectors(vectors, rows)), embedding.dropout.p)  # (batch, time, size)
    if len(words) * len(rows) > LARGEST_TABLE:
        locked: Tensor = embedding.dropout(by_position(IndexedVectors(vectors, rows)))  # (batch, time, size)
        return locked
    # A document with one of its words is a pair; some of a document's words are equal.
    documents = torch.arange(len(rows), dtype=torch.int32).unsqueeze(1)  # (batch, 1)
    pairs, rows = distinct(rows + len(words) * documents, len(words) * len(rows))  # (m,)
    masks = embedding.dropout.mask(vectors, len(tokens))  # (batch, size)
    of_pairs = vectors.index_select(0, pairs % len(words)) * masks.index_select(0, pairs // len(words))  # (m, size)
    return IndexedVectors(of_pairs, rows)


def _look_up(embedding: WordEmbedding, words: Tensor) -> Tensor:
    """Vectors (n, size) of `words` (n,), none twice."""
    if embedding.shares is not None:
        return normalized_rows(embedding.weight, embedding.shares, words)
    if embedding.update_rows is None:
        return nn.functional.embedding(words, embedding.weight, embedding.padding_idx)
    embedding.update_rows(words)
    vectors: Tensor = _SparseLookup.apply(embedding.weight, words, embedding.padding_idx)  # type: ignore[no-untyped-call]
    return vectors


def by_position(vectors: Vectors) -> Tensor:
    """See models/backend.py."""
    if isinstance(vectors, Tensor):
        return vectors
    rows: Tensor = _ByPosition.apply(vectors.vectors, vectors.rows.flatten())  # type: ignore[no-untyped-call]
    return rows.view(*vectors.rows.shape, -1)


def prediction_embedder(
    embedding: WordEmbedding, cell: Cell, first_layer: nn.RNNBase, tokens: int
) -> Callable[[Tensor], Vectors]:
    """Multiplies all words by W_x at once, if the texts have more tokens and the products are not too large."""
    words, weights, table = embedding.num_embeddings, weights_of(first_layer), embedding.table()
    most = 4 * first_layer.hidden_size * len(weights) * words  # an LSTM has 4 gates
    if words >= tokens or most > LARGEST_TABLE:

        def look_up(batch: Tensor) -> Vectors:
            different, rows = distinct(batch, words)
            return IndexedVectors(table.index_select(0, different), rows)

        return look_up
    products = [project(cell, table, direction, table.dtype) for direction in weights]
    return lambda batch: IndexedVectors(table, batch, products)


class _SparseLookup(torch.autograd.Function):
    """The rows `words`, none twice. PyTorch's own sparse lookup copies the gradient, to leave out the padding's row.

    That row is 0 anyway, unless a text itself has the padding's token.
    """

    @staticmethod
    def forward(context: Any, table: Tensor, words: Tensor, padding_index: int) -> Tensor:
        context.save_for_backward(words)
        context.shape, context.padding_index = table.shape, padding_index
        return table.index_select(0, words)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_rows: Tensor) -> Any:
        (words,) = context.saved_tensors
        padding = words == context.padding_index
        if d_rows[padding].any():
            d_rows = d_rows.masked_fill(padding[:, None], 0)
        d_table = torch.sparse_coo_tensor(
            words[None].long(), d_rows, context.shape, is_coalesced=True, check_invariants=False
        )
        return d_table, None, None


class _ByPosition(torch.autograd.Function):
    """`vectors` (n, size) at `rows` (positions,); PyTorch's own backward pass calls a kernel for each row."""

    @staticmethod
    def forward(context: Any, vectors: Tensor, rows: Tensor) -> Tensor:
        context.save_for_backward(rows)
        context.shape = vectors.shape
        return vectors.index_select(0, rows)

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_positions: Tensor) -> Any:
        (rows,) = context.saved_tensors
        d_vectors = d_positions.new_zeros(context.shape)
        embedding_loops.add_rows(d_vectors.numpy(), rows.numpy(), d_positions.contiguous().numpy())
        return d_vectors, None
