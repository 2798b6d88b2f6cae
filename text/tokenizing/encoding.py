"""From a tokenizer's numbers to a model's: the vocabulary's numbers, truncated, with at least one token a document.

The stage tokenize, the predictor and `commands.explain` share this, so that all of them encode a text alike.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from config.choices import Truncation
from core.constants import UNKNOWN_INDEX

Tokens = NDArray[np.int32]


def vocabulary_numbers(tokens: Sequence[str | None], numbers: Mapping[str, int]) -> Tokens:
    """(tokens,): the number in the vocabulary of each token of a tokenizer; `numbers` are those of `token_numbers`.

    Example:
        >>> vocabulary_numbers(["film", "<pad>", None], {"good": 2, "film": 3})
        array([3, 0, 0], dtype=int32)
    """
    return np.array(
        [UNKNOWN_INDEX if token is None else numbers.get(token, UNKNOWN_INDEX) for token in tokens], np.int32
    )


def truncated(
    translation: Tokens, numbers: Tokens, lengths: Tokens, max_tokens: int, truncation: Truncation
) -> tuple[Tokens, Tokens]:
    """The vocabulary's numbers for the tokens that truncation leaves, concatenated, and each document's new length.

    Args:
        translation: (different tokens,), the result of `vocabulary_numbers`.
        numbers: (tokens,), the tokenizer's numbers for all documents, concatenated.
        lengths: (documents,), the number of tokens in each document.
    """
    remaining = numbers[keep(lengths, max_tokens, truncation)]
    tokens = translation[remaining] if len(remaining) else np.empty(0, np.int32)
    return tokens, np.minimum(lengths, max_tokens)


def never_empty(tokens: Tokens, lengths: Tokens) -> tuple[Tokens, Tokens]:
    """The same documents, but empty ones get one unknown token, since a recurrent cell must read something.

    Example:
        >>> never_empty(np.array([5, 6], np.int32), np.array([1, 0, 1], np.int32))
        (array([5, 0, 6], dtype=int32), array([1, 1, 1], dtype=int32))
    """
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    return np.insert(tokens, starts[lengths == 0], UNKNOWN_INDEX), np.maximum(lengths, 1)


def keep(lengths: NDArray[np.int32], max_tokens: int, truncation: Truncation) -> NDArray[np.bool_]:
    """(tokens,): which tokens of documents with these `lengths` truncation keeps.

    Of a document that is too long, "head" keeps the first `max_tokens`, "tail" the last, and "head+tail" half of them
    from each end, with the odd one from the head.

    Example:
        >>> keep(np.array([2, 5], np.int32), 3, "head+tail")
        array([ True,  True,  True,  True, False, False,  True])
    """
    head = {"head": max_tokens, "tail": 0, "head+tail": max_tokens - max_tokens // 2}[truncation]
    stops = np.cumsum(lengths, dtype=np.int64)
    total = int(stops[-1]) if len(stops) else 0
    stops, lengths = stops[lengths > 0], lengths[lengths > 0]
    first = np.minimum(lengths, head)
    last = np.minimum(lengths - first, max_tokens - head)
    edges = np.zeros(total + 1, np.int8)  # +1 where a remaining part begins, -1 where it ends
    for begin, end in ((stops - lengths, stops - lengths + first), (stops - last, stops)):
        edges[begin] += 1
        edges[end] -= 1
    return np.cumsum(edges[:-1], dtype=np.int8).view(np.bool_)
