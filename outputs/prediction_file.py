"""Writes predictions.parquet: the probabilities of each test document."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core import file_io
from text.tokenizing.token_file import TokenizedDocuments


def write_predictions(path: Path, test: TokenizedDocuments, probabilities: NDArray[np.float32]) -> None:
    """Writes id, label and probabilities (documents, classes) of the documents of `test`."""
    flat = pa.array(probabilities.ravel())
    offsets = pa.array(np.arange(len(test) + 1, dtype=np.int32) * probabilities.shape[1])
    columns = {
        "id": test.ids(),
        "label": pa.array(test.labels, pa.int32()),
        "probabilities": pa.ListArray.from_arrays(offsets, flat),
    }
    with file_io.whole(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd", write_page_checksum=True)
