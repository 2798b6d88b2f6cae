"""Word vectors from counts: the singular vectors of positive pointwise mutual information (PPMI).

Levy, Goldberg & Dagan (TACL 2015) find them on a par with skip-gram where both are well set: context counts smoothed by
the power 0.75, singular values by the power 0.5. Unlike those of skip-gram with several threads, they are the same each
time. Two words are in each other's context if at most WINDOW - 1 others are between them.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from core.constants import UNKNOWN_INDEX
from text.streams import Texts

WINDOW = 5
SMOOTHING = 0.75  # of the context counts
POWER = 0.5  # of the singular values
ROOT_MEAN_SQUARE = 0.1  # of the vectors' numbers
TOKENS_AT_ONCE = 2**21


def word_vectors(texts: Texts, words: int, size: int, seed: int) -> NDArray[np.float32]:
    """Vectors (words, size) of all tokens; NaN for those that stand in no context, such as the padding.

    `size` must be less than `words`.
    """
    with threadpool_limits(1):  # sums of several threads have other last digits
        matrix = ppmi(cooccurrences(texts, words))
        left, values, _ = randomized_svd(matrix, size, n_iter=4, random_state=seed, flip_sign=True)
    vectors: NDArray[np.float64] = left * values**POWER
    seen = np.diff(matrix.indptr) > 0
    if seen.any():
        vectors *= ROOT_MEAN_SQUARE / np.sqrt(np.square(vectors[seen]).mean())
    vectors[~seen] = np.nan
    return vectors.astype(np.float32)


def cooccurrences(texts: Texts, words: int) -> csr_array:
    """How often each pair of words is in each other's context, (words, words), symmetric, int64."""
    total = csr_array((words, words), dtype=np.int64)
    for tokens, documents in _parts(texts):
        for distance in range(1, WINDOW + 1):
            first, second = tokens[:-distance], tokens[distance:]
            counted = documents[:-distance] == documents[distance:]
            counted &= (first != UNKNOWN_INDEX) & (second != UNKNOWN_INDEX)
            pairs = (first[counted], second[counted])
            total += coo_array((np.ones(len(pairs[0]), np.int64), pairs), shape=(words, words)).tocsr()
    return total + total.T.tocsr()


def _parts(texts: Texts) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
    """The tokens of some documents at a time, concatenated, and the document of each."""
    ends = np.cumsum(texts.lengths, dtype=np.int64)
    for number in range(-(-int(ends[-1]) // TOKENS_AT_ONCE)):
        first, last = np.searchsorted(ends, [number * TOKENS_AT_ONCE, (number + 1) * TOKENS_AT_ONCE], side="right")
        if first < last:
            documents = np.arange(first, last)
            tokens = np.concatenate([texts.tokens(int(index)) for index in documents])
            yield tokens, np.repeat(documents, texts.lengths[first:last])


def ppmi(counts: csr_array) -> csr_array:
    """max(0, log(P(w, c) / (P(w) P'(c)))) of co-occurrence `counts` (words, words), with P' by smoothed counts.

    >>> ppmi(csr_array([[0, 4], [4, 2]])).toarray().round(3)
    array([[0.   , 0.553],
           [0.451, 0.   ]])
    """
    pairs = counts.tocoo()
    of_word = counts.sum(axis=1).astype(np.float64)
    smoothed = of_word**SMOOTHING  # of the contexts, which are the same words
    logs = np.log(pairs.data * smoothed.sum()) - np.log(of_word[pairs.coords[0]] * smoothed[pairs.coords[1]])
    positive = logs > 0
    coordinates = tuple(axis[positive] for axis in pairs.coords)
    return coo_array((logs[positive], coordinates), shape=counts.shape).tocsr()
