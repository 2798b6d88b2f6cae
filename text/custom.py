"""A user's own data: CSV, TSV, JSONL or Parquet, as one file or as train, test and optionally validation files.

What counts as missing: null, NaN, an absent JSON key, and an empty label. An empty text is a text. Labels are names:
surrounding white space is left out, and numbers of JSON and Parquet are written shortly (1.0 is the class 1).
"""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from errors import DataError
from text.archives import Member, members, names
from text.corpus import Document
from text.parsers import decode, numbered_lines
from text.splits import ALL

SPLITS = {"train": "train", "test": "test", "validation": "validation", "valid": "validation", "dev": "validation"}
PARQUET_ROWS = 1024  # read at once; documents may be long
NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")  # what no XML takes, and line ends
LONGEST_LABEL = 200  # characters; it names a class in tables and figures

Row = tuple[int, Any, Any]  # number, text, label


def parse(paths: Sequence[Path], text_column: str, label_column: str) -> Iterator[Document]:
    """The documents in the fetched `paths`: one file, or one folder or archive that holds the files.

    Raises:
        DataError: one line that names the file, and where it can the line, that cannot be read.
    """
    [path] = paths
    split_of = _assign(path, names(path))
    for member in members(path, lambda name: name in split_of):
        split = split_of[member.name]
        read = READERS[PurePosixPath(member.name).suffix.lower()]
        number = 0
        for number, text, label in read(member, text_column, label_column):
            where = f"row {number} of {member.origin}"
            yield Document(
                split, f"{split}/{number}", _text(text, text_column, where), _label(label, label_column, where)
            )
        if number == 0:
            raise DataError(
                f"{member.origin} holds no rows; expected {text_column!r} and {label_column!r} of documents"
            )


def sorted_labels(names: Iterable[str]) -> list[str]:
    """Label names in the order of their classes: as numbers if all are, else by alphabet."""
    result = sorted(names)
    try:
        numbers = {name: float(name) for name in result}
    except ValueError:
        return result
    return sorted(result, key=numbers.__getitem__) if all(map(math.isfinite, numbers.values())) else result


def _assign(path: Path, found: list[str]) -> dict[str, str]:
    """The split of each file that is to be read: by its name, or ALL where there is but one file."""
    readable = [name for name in found if PurePosixPath(name).suffix.lower() in READERS]
    if len(readable) == 1:
        return {readable[0]: ALL}
    split_of = {name: SPLITS[stem] for name in readable if (stem := PurePosixPath(name).stem.lower()) in SPLITS}
    allowed = f"one file, or train, test and optionally validation, in the formats {', '.join(READERS)}"
    for split in ("train", "test", "validation"):
        files = [name for name, of in split_of.items() if of == split]
        if len(files) > 1:
            raise DataError(f"{path} holds several files for {split}: {', '.join(files)}; allowed: {allowed}")
        if not files and split != "validation":
            raise DataError(f"{path} has no file for {split}; found: {_listed(found)}; allowed: {allowed}")
    return split_of


def _listed(found: Sequence[Any]) -> str:
    shown = ", ".join(str(name)[:60] for name in found[:10])
    return (shown or "nothing") + (f" and {len(found) - 10} more" if len(found) > 10 else "")


def _text(value: Any, column: str, where: str) -> str | None:
    """The document; a number is written as one."""
    if value is None or value != value:
        return None
    if not isinstance(value, str | int | float):
        raise DataError(f"column {column!r} holds a {type(value).__name__} in {where}; allowed: text")
    return _encodable(str(value), column, where)


def _label(value: Any, column: str, where: str) -> str | None:
    """The name of the class."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float):
        raise DataError(f"column {column!r} holds a {type(value).__name__} in {where}; allowed: text or numbers")
    name = _encodable(str(value).strip(), column, where)
    if len(name) > LONGEST_LABEL:
        raise DataError(
            f"column {column!r} holds {name[:40]!r}… of {len(name)} characters in {where}; "
            f"allowed: at most {LONGEST_LABEL}, which name a class"
        )
    if NO_NAME.search(name):
        raise DataError(f"column {column!r} holds {name!r} in {where}; allowed: one line without control characters")
    return name or None


def _encodable(value: str, column: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"column {column!r} holds half a surrogate pair in {where}, which is no character") from None
    return value


def _check_columns(found: Sequence[str], wanted: Sequence[str], member: Member) -> None:
    for key, column in zip(("data.text_column", "data.label_column"), wanted, strict=True):
        if (times := list(found).count(column)) != 1:
            reason = "has no such column" if times == 0 else f"has {times} columns of that name"
            raise DataError(f"{key} is {column!r}, but {member.origin} {reason}; it has: {_listed(found)}")


def _csv(member: Member, *columns: str) -> Iterator[Row]:
    yield from _delimited(_csv_rows(member.lines(), member, ","), member, columns)


def _tsv(member: Member, *columns: str) -> Iterator[Row]:
    """Some write TSV with quotes as in CSV, some know no quoting: it is quoted if the whole file can be read so."""
    with member.file() as file:
        read = _csv_rows if _is_quoted(file, member) else _plain_rows
        file.seek(0)
        yield from _delimited(read(file, member, "\t"), member, columns)


def _csv_rows(lines: Iterator[bytes] | IO[bytes], member: Member, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(sys.maxsize)  # of the whole process; documents may be long
    decoded = (decode(line, f"line {number} of {member.origin}") for number, line in numbered_lines(lines))
    reader = csv.reader(decoded, delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(f"{member.origin} is no valid CSV at line {reader.line_num}: {error}") from None


def _plain_rows(lines: IO[bytes], member: Member, delimiter: str) -> Iterator[list[str]]:
    for number, line in numbered_lines(lines):
        content = decode(line, f"line {number} of {member.origin}").removesuffix("\n").removesuffix("\r")
        yield content.split(delimiter) if content else []


def _is_quoted(file: IO[bytes], member: Member) -> bool:
    rows = _csv_rows(file, member, "\t")
    try:
        width = len(next(rows, []))
        return all(len(row) in (0, width) for row in rows)
    except DataError:
        return False


def _delimited(rows: Iterator[list[str]], member: Member, columns: Sequence[str]) -> Iterator[Row]:
    """Rows behind a header; empty lines are no rows."""
    if (header := next(rows, None)) is None:
        return
    _check_columns(header, columns, member)
    text, label = (header.index(column) for column in columns)
    for number, row in enumerate((row for row in rows if row), 1):
        if len(row) != len(header):
            raise DataError(f"row {number} of {member.origin} has {len(row)} fields, its header {len(header)}")
        yield number, row[text], row[label]


def _jsonl(member: Member, *columns: str) -> Iterator[Row]:
    """One JSON object a line; empty lines are no rows. A column that no line has is an error, else it is missing."""
    seen: dict[str, None] = {}
    number = 0
    for line_number, line in numbered_lines(member.lines()):
        where = f"line {line_number} of {member.origin}"
        if not (content := decode(line, where).strip()):
            continue
        number += 1
        try:
            row = json.loads(content, object_pairs_hook=_unique_keys)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where} is no valid JSON: {error}") from None
        if not isinstance(row, dict):
            raise DataError(f"{where} is no JSON object but {content[:40]}")
        if len(seen) < 100:
            seen |= dict.fromkeys(row)
        yield number, row.get(columns[0]), row.get(columns[1])
    if number:
        _check_columns(list(seen), columns, member)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands there twice")
    return result


def _parquet(member: Member, *columns: str) -> Iterator[Row]:
    try:
        with member.file() as file, pq.ParquetFile(file) as parquet:
            _check_columns(parquet.schema_arrow.names, columns, member)
            batches = parquet.iter_batches(PARQUET_ROWS, columns=list(columns), use_threads=False)
            rows = chain.from_iterable(zip(*(batch[c].to_pylist() for c in columns), strict=True) for batch in batches)
            for number, (text, label) in enumerate(rows, 1):
                yield number, text, label
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{member.origin} cannot be read as Parquet: {' '.join(str(error).split())}") from None


READERS: dict[str, Callable[[Member, str, str], Iterator[Row]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
