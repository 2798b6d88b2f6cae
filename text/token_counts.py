"""How often each token occurs in documents: what `embedding_normalization: frequency` weights words by."""

import numpy as np
from numpy.typing import NDArray

from text.batches import Documents, real_tokens


def token_counts(documents: Documents, vocabulary_size: int) -> NDArray[np.int64]:
    """(vocabulary_size,): how often a model reads each token; padding and truncated tokens do not count."""
    counts = np.zeros(vocabulary_size, np.int64)
    for tokens in real_tokens(documents):
        counts += np.bincount(tokens, minlength=vocabulary_size)
    return counts
