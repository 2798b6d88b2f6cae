"""Writes predictions as JSONL, CSV or Parquet, chunk by chunk.

The columns are row (from 1), text, label (the most probable class) and probability_<class> for each class. If a text is
missing, every column except row is null.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core import file_io
from core.errors import ParamsError
from predictor.predictor import Predictions
from predictor.texts import Row

Write = Callable[[pa.RecordBatch], None]


def schema(labels: Sequence[str]) -> pa.Schema:
    """The columns of the output for classes with these names."""
    probabilities = [(f"probability_{label}", pa.float32()) for label in labels]
    return pa.schema([("row", pa.int64()), ("text", pa.string()), ("label", pa.string()), *probabilities])


def table(rows: Sequence[Row], predictions: Predictions, labels: Sequence[str]) -> pa.RecordBatch:
    """The rows with their predictions; `predictions` has those of the texts that are not missing."""
    present = np.array([row.text is not None for row in rows], np.bool_)
    places = np.cumsum(present) - 1  # (rows,): where the predictions have this row
    taken = pa.array(places, mask=~present)
    columns = [pa.array(column).take(taken) for column in predictions.probabilities.T]
    names = pa.array(predictions.labels, pa.string()).take(taken)
    numbers, texts = pa.array([row.number for row in rows]), pa.array([row.text for row in rows], pa.string())
    return pa.record_batch([numbers, texts, names, *columns], schema=schema(labels))


@contextmanager
def open_file(path: Path, columns: pa.Schema) -> Iterator[Write]:
    """Writes to `path`, in the format that its suffix names; the file appears when it is complete.

    Raises:
        ParamsError: the suffix is not .jsonl, .csv or .parquet.
        DataError: the file cannot be written.
    """
    check_name(path)
    with file_io.whole(path) as temporary:
        if path.suffix == ".jsonl":
            with temporary.open("w", encoding="utf-8") as file:
                yield jsonl(file)
            return
        kind: Any = {".csv": pyarrow.csv.CSVWriter, ".parquet": pq.ParquetWriter}[path.suffix]
        with kind(str(temporary), columns) as writer:
            yield writer.write_batch


def check_name(path: Path) -> None:
    """Checks that the name of an output says its format.

    Raises:
        ParamsError: it does not.
    """
    if path.suffix not in (".jsonl", ".csv", ".parquet"):
        raise ParamsError(f"--output is '{path}'; allowed: a name that ends in .jsonl, .csv or .parquet")


def jsonl(file: IO[str]) -> Write:
    """A function that writes each row to `file` as a JSON object on a line of its own."""

    def write(batch: pa.RecordBatch) -> None:
        columns = [_shortest(column) if column.type == pa.float32() else column.to_pylist() for column in batch.columns]
        for values in zip(*columns, strict=True):
            file.write(json.dumps(dict(zip(batch.schema.names, values, strict=True)), ensure_ascii=False) + "\n")
        file.flush()

    return write


def _shortest(column: pa.Array) -> list[float | None]:
    """float32 numbers as the shortest decimals that stand for them."""
    values: NDArray[np.float32] = column.to_numpy(zero_copy_only=False)
    shortest = values.astype(np.str_).astype(np.float64)
    return pa.array(shortest, mask=column.is_null().to_numpy(zero_copy_only=False)).to_pylist()  # type: ignore[no-any-return]
