"""A split's tokens in the memory of a GPU, where its batches are made: a step sends only the documents' indices."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from core.constants import PADDING_INDEX
from text.batches import Batch, Documents, Share, TokenBatches, real_tokens

SHARE_OF_MEMORY = 0.25  # of the GPU, that the tokens of a split may take
LENGTHS = 16  # that a split's batches are padded to at most


def batches(documents: Documents, device: torch.device) -> "Dataset[Batch] | Dataset[ResidentBatch]":
    """Batches made on the GPU, or on the CPU if the tokens would take too much of the GPU's memory."""
    needed = 4 * int(documents.lengths.sum(dtype=np.int64))  # bytes
    if needed > SHARE_OF_MEMORY * torch.cuda.get_device_properties(device).total_memory:
        return TokenBatches(documents)
    return ResidentDocuments(documents, device)


class ResidentDocuments(Dataset["ResidentBatch"]):
    """All documents of a split on a GPU.

    Attributes:
        tokens: int32 (tokens of all documents,).
        starts, lengths, labels: int64 (documents,).
        unit: batches are padded to a multiple of it, so that few lengths occur: each needs a CUDA graph.
    """

    def __init__(self, documents: Documents, device: torch.device) -> None:
        lengths = documents.lengths.astype(np.int64)
        self.host_lengths = documents.lengths
        self.tokens = torch.from_numpy(np.concatenate(list(real_tokens(documents)))).to(device)
        self.starts = torch.from_numpy(np.cumsum(lengths) - lengths).to(device)
        self.lengths = torch.from_numpy(lengths).to(device)
        self.labels = torch.from_numpy(documents.labels.astype(np.int64)).to(device)
        self.unit = 32 * -(-int(lengths.max()) // (32 * LENGTHS))

    def __getitem__(self, share: Share) -> "ResidentBatch":
        longest = int(self.host_lengths[share.indices].max())
        time = -(-longest // self.unit) * self.unit
        return ResidentBatch(self, torch.from_numpy(share.indices), time, share.total, share.total_tokens)

    def padded(self, indices: Tensor, time: int) -> tuple[Tensor, Tensor, Tensor]:
        """Right-padded tokens (batch, time), lengths (batch,) and labels (batch,) of documents; does not wait.

        Args:
            indices: int64 (batch,), on the GPU.
            time: at least the length of the longest.
        """
        lengths = self.lengths[indices]
        positions = torch.arange(time, device=indices.device)
        inside = positions < lengths.unsqueeze(1)  # (batch, time)
        places = torch.where(inside, self.starts[indices].unsqueeze(1) + positions, 0)
        return torch.where(inside, self.tokens[places], PADDING_INDEX), lengths, self.labels[indices]


class ResidentBatch:
    """A `Batch` (text/batches.py) that is made on the GPU when it is read.

    Attributes:
        documents: of the split.
        indices: int64 (batch,), on the CPU.
        time: positions, with padding.
        total, total_tokens: of this step over all processes.
    """

    def __init__(self, documents: ResidentDocuments, indices: Tensor, time: int, total: int, total_tokens: int) -> None:
        self.documents = documents
        self.indices = indices
        self.time = time
        self.total = total
        self.total_tokens = total_tokens

    @cached_property
    def _padded(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.documents.padded(self.indices.to(self.documents.tokens.device), self.time)

    @property
    def tokens(self) -> Tensor:
        """int32 (batch, time), right-padded."""
        return self._padded[0]

    @property
    def lengths(self) -> Tensor:
        """int64 (batch,)."""
        return self._padded[1]

    @property
    def labels(self) -> Tensor:
        """int64 (batch,)."""
        return self._padded[2]
