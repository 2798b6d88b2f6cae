"""Reads text and label of a user's table: CSV, TSV, JSON lines or Parquet.

Columns have names; in a CSV or TSV file without a header they have numbers, counted from 1.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import DataError
from text.sources.archives import Member
from text.sources.columns import Layout, Row, check_columns
from text.sources.delimited import Table, delimiter_of
from text.sources.lines import decoded

PARQUET_ROWS = 1024  # read at once; documents may be long
NAMED_KEYS = 100  # different keys of JSON lines that are remembered for an error


@contextmanager
def delimited(member: Member, layout: Layout) -> Iterator[Table]:
    """A CSV or TSV file, open."""
    with member.file() as file:
        delimiter = "\t" if PurePosixPath(member.name).suffix.lower() == ".tsv" else delimiter_of(file, layout)
        yield Table(file, member.origin, delimiter, layout)


def _delimited(member: Member, layout: Layout) -> Iterator[Row]:
    with delimited(member, layout) as table:
        yield from table.rows(quoted=table.delimiter not in layout.literal)


def _jsonl(member: Member, layout: Layout) -> Iterator[Row]:
    """One JSON object a line; empty lines are no rows. A key may be missing in some lines, but not in all."""
    keys: dict[str, None] = {}
    number = 0
    for line_number, line in enumerate(decoded(member.lines(), member.origin, layout.encoding), 1):
        where = f"line {line_number} of {member.origin}"
        if not (content := line.strip()):
            continue
        number += 1
        try:
            row = json.loads(content, object_pairs_hook=_unique_keys)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where} is no valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise DataError(f"{where} is no JSON object but {content[:40]}")
        if len(keys) < NAMED_KEYS:
            keys |= dict.fromkeys(row)
        yield number, row.get(layout.text), row.get(layout.label)
    if number:
        check_columns(list(keys), layout, member.origin)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is repeated")
    return result


def _parquet(member: Member, layout: Layout) -> Iterator[Row]:
    try:
        with member.file() as file, pq.ParquetFile(file) as parquet:
            check_columns(parquet.schema_arrow.names, layout, member.origin)
            batches = parquet.iter_batches(PARQUET_ROWS, columns=list(layout.columns), use_threads=False)
            rows = chain.from_iterable(
                zip(*(batch[column].to_pylist() for column in layout.columns), strict=True) for batch in batches
            )
            for number, (text, label) in enumerate(rows, 1):
                yield number, text, label
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{member.origin} cannot be read as Parquet: {' '.join(str(error).split())}") from None


READERS: dict[str, Callable[[Member, Layout], Iterator[Row]]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
DELIMITED = (".csv", ".tsv")
