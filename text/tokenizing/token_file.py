"""Token files: the documents of a split as token numbers, in an Arrow IPC file, memory-mapped and never loaded whole.

Columns: id (string), tokens (list of int32, at least one, at most max_tokens), label (int32, -1 if unlabelled), length
(int32, tokens before truncation).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.constants import PADDING_INDEX
from core.errors import DataError

SCHEMA = pa.schema(
    [("id", pa.string()), ("tokens", pa.list_(pa.int32())), ("label", pa.int32()), ("length", pa.int32())]
)


def record_batch(
    ids: pa.Array, labels: pa.Array, tokens: NDArray[np.int32], lengths: NDArray[np.int32], full: NDArray[np.int32]
) -> pa.RecordBatch:
    """The documents as a record batch of a token file.

    Args:
        ids, labels: (documents,), strings and int32.
        tokens: int32 (tokens,), the token numbers of all documents, concatenated.
        lengths: int32 (documents,), the number of tokens in each document, at least 1.
        full: int32 (documents,), the number of tokens before truncation.
    """
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    columns = [ids, pa.ListArray.from_arrays(pa.array(offsets), pa.array(tokens)), labels, pa.array(full)]
    return pa.record_batch(columns, schema=SCHEMA)


class TokenizedDocuments:
    """Documents as token numbers: a split in its token file, or texts in memory.

    Attributes:
        lengths: int32 (documents,), tokens of each document, at least 1.
        labels: int32 (documents,).
        full_lengths: int32 (documents,), tokens before truncation.
    """

    def __init__(self, chunks: Sequence[pa.RecordBatch]) -> None:
        self._chunks = chunks
        # Views of the mapped file: (tokens of the chunk,) each.
        self._values: list[NDArray[np.int32]] = [chunk["tokens"].values.to_numpy() for chunk in chunks]
        offsets = [chunk["tokens"].offsets.to_numpy() for chunk in chunks]
        self._starts: NDArray[np.int32] = _joined([offset[:-1] for offset in offsets])
        self._chunk_of: NDArray[np.int32] = _joined(
            [np.full(len(chunk), number, np.int32) for number, chunk in enumerate(chunks)]
        )
        self.lengths: NDArray[np.int32] = _joined([np.diff(offset) for offset in offsets])
        self.labels: NDArray[np.int32] = _joined([chunk["label"].to_numpy() for chunk in chunks])
        self.full_lengths: NDArray[np.int32] = _joined([chunk["length"].to_numpy() for chunk in chunks])

    @classmethod
    def open(cls, *paths: Path) -> "TokenizedDocuments":
        """Maps the files, whose documents follow one another.

        Raises:
            DataError: a file is missing or broken.
        """
        return cls([chunk for path in paths for chunk in _chunks(path)])

    @classmethod
    def joined(cls, stores: "Sequence[TokenizedDocuments]") -> "TokenizedDocuments":
        """The documents of several stores, one store after another."""
        return cls([chunk for store in stores for chunk in store._chunks])

    def __len__(self) -> int:
        return len(self.lengths)

    def ids(self) -> list[str]:
        """The id of each document."""
        return [name for chunk in self._chunks for name in chunk["id"].to_pylist()]

    def tokens(self, index: int) -> NDArray[np.int32]:
        """The token numbers of one document, a view of the file."""
        start = self._starts[index]
        document: NDArray[np.int32] = self._values[self._chunk_of[index]][start : start + self.lengths[index]]
        return document

    def batch(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Right-padded tokens (batch, longest) and lengths (batch,) of the documents at `indices`."""
        lengths = self.lengths[indices]
        padded = np.full((len(indices), int(lengths.max())), PADDING_INDEX, np.int32)
        for row, index in enumerate(indices):
            padded[row, : lengths[row]] = self.tokens(index)
        return padded, lengths


def _chunks(path: Path) -> list[pa.RecordBatch]:
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        chunks = [reader.get_batch(number) for number in range(reader.num_record_batches)]
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the stage tokenize makes it: dvc repro") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} is broken ({error}); delete it and run dvc repro") from None
    if reader.schema != SCHEMA:
        raise DataError(f"{path} is not a token file; delete it and run dvc repro")
    return chunks


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[np.int32]:
    return np.concatenate([np.empty(0, np.int32), *parts])
