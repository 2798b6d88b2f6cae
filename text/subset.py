"""Some documents of a token store: a trial of a search may train on fewer than all."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from text.batches import Documents, Indices


class Subset(NamedTuple):
    """The documents at `indices` of a store, with which batches can be made as with the store."""

    store: Documents
    indices: Indices

    @property
    def lengths(self) -> NDArray[np.int32]:
        """(documents,): tokens of each document."""
        return self.store.lengths[self.indices]

    @property
    def labels(self) -> NDArray[np.int32]:
        """(documents,): class of each document."""
        return self.store.labels[self.indices]

    def batch(self, indices: Indices) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Right-padded tokens (batch, longest) and lengths (batch,)."""
        return self.store.batch(self.indices[indices])


def at_random(store: Documents, documents: int, seed: int) -> Documents:
    """`documents` of the store, in its order; the whole store if it has no more."""
    if documents >= len(store.lengths):
        return store
    indices = np.random.default_rng(seed).choice(len(store.lengths), documents, replace=False)
    return Subset(store, np.sort(indices))
