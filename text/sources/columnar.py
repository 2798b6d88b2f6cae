"""Parquet, and Arrow IPC (.arrow, .feather: as a file or a stream, as Hugging Face's `save_to_disk` writes it).

Labels that are numbers get the names that Hugging Face's library keeps in the schema's metadata.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import DataError
from text.sources.archives import Member
from text.sources.columns import Layout, Row, check_columns

PARQUET_ROWS = 1024  # read at once; documents may be long
ARROW_FILE = b"ARROW1"  # a stream begins otherwise


def parquet_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of a Parquet file."""
    with _faults(member, "Parquet"), member.file() as file, pq.ParquetFile(file) as parquet:
        check_columns(parquet.schema_arrow.names, layout, member.origin)
        batches = parquet.iter_batches(PARQUET_ROWS, columns=list(layout.columns), use_threads=False)
        yield from _rows(batches, layout, _class_names(parquet.schema_arrow, layout.label))


def arrow_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of an Arrow file or stream."""
    with _faults(member, "Arrow"), member.file() as file:
        schema, batches = _arrow(file)
        check_columns(schema.names, layout, member.origin)
        yield from _rows(batches, layout, _class_names(schema, layout.label))


def head(member: Member, is_parquet: bool, rows: int) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns, and the values of the first rows."""
    with _faults(member, "Parquet" if is_parquet else "Arrow"), member.file() as file:
        if is_parquet:
            with pq.ParquetFile(file) as parquet:
                names = parquet.schema_arrow.names
                batch = next(parquet.iter_batches(rows, use_threads=False), None)
        else:
            schema, batches = _arrow(file)
            names, batch = schema.names, next(batches, None)
        if batch is None:
            return names, []
        return names, [list(row) for row in zip(*(column.to_pylist() for column in batch[:rows].columns), strict=True)]


def _arrow(file: IO[bytes]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    is_file = file.read(len(ARROW_FILE)) == ARROW_FILE
    file.seek(0)
    if not is_file:
        stream = pa.ipc.open_stream(file)
        return stream.schema, iter(stream)
    reader = pa.ipc.open_file(file)
    return reader.schema, (reader.get_batch(number) for number in range(reader.num_record_batches))


def _rows(batches: Iterator[pa.RecordBatch], layout: Layout, names: list[str]) -> Iterator[Row]:
    number = 0
    for batch in batches:
        for values in zip(*(_values(batch[column]) for column in layout.columns), strict=True):
            number += 1
            row = layout.row(number, values)
            is_named = isinstance(row.label, int) and 0 <= row.label < len(names)
            yield row._replace(label=names[row.label]) if is_named else row


def _class_names(schema: pa.Schema, column: Any) -> list[str]:
    """The names of the classes 0, 1, …; none if the metadata do not hold them."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if is_list and len(set(names)) == len(names) else []


def _values(column: pa.Array) -> list[Any]:
    """The column's values; bytes are UTF-8 text."""
    values: list[Any] = column.to_pylist()
    return [value.decode() if isinstance(value, bytes) else value for value in values]


@contextmanager
def _faults(member: Member, kind: str) -> Iterator[None]:
    """Turns the library's errors into one line that names the file."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{member.origin} cannot be read as {kind}: {' '.join(str(error).split())}") from None
