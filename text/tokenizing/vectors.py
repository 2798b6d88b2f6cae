"""Reads the pretrained vectors of a vocabulary from a text file of GloVe, fastText or word2vec, line by line.

This project has its own reader, because torchtext's `Vectors` loads the whole file into memory, ends each token at its
first space, and refuses a file because of one malformed line.
"""

import codecs
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError

LINES_THAT_SHOW_THE_WIDTH = 1000
LARGEST = float(np.finfo(np.float32).max)
_HEADER = re.compile(rb"\d{1,12}[ \t]+(\d{1,5})")
_NUMBER_BYTES = b"0123456789+-.eE \t\r\n"


class Vectors(NamedTuple):
    """The vectors of a vocabulary.

    Attributes:
        values: float32 (vocabulary, size), a row for each token; NaN if the file has no vector for it.
        skipped: number of unreadable lines.
        first_skipped: the first of them and its fault; empty if all were read.
    """

    values: NDArray[np.float32]
    skipped: int
    first_skipped: str


class _Unreadable(Exception):
    """The fault of a line, or of all lines."""


def read_vectors(path: Path, numbers: Mapping[str, int], vocabulary_size: int) -> Vectors:
    """The vectors of the tokens in `numbers`, which maps each token to its row.

    A line consists of a token, which may contain spaces, and its vector. The header of fastText and word2vec gives the
    vector's size; without a header, the most frequent size among the first lines counts. If a token is repeated, its
    first line counts. Blank lines are allowed. A file whose name ends in .gz is decompressed.

    Raises:
        DataError: the file cannot be read, or has no readable line.
    """
    rows = {token.encode("utf-8", "surrogatepass"): number for token, number in numbers.items()}
    vectors: dict[int, NDArray[np.float32]] = {}
    read = skipped = 0
    first_skipped = ""
    try:
        with _open(path) as file:
            has_header, width = _shape([line for _, line in islice(_lines(file), LINES_THAT_SHOW_THE_WIDTH)])
        with _open(path) as file:
            for number, line in islice(_lines(file), int(has_header), None):
                try:
                    if not _can_be_skipped(line, width, rows):
                        token, vector = _read(line, width)
                        if (row := rows.get(token)) is not None:
                            vectors.setdefault(row, vector)
                    read += 1
                except _Unreadable as error:
                    skipped += 1
                    first_skipped = first_skipped or f"line {number:,}, where {error}"
        if not read:
            raise _Unreadable(first_skipped or "it has none")
    except _Unreadable as error:
        raise DataError(
            f"tokenize.vectors '{path}' is not a text file with a token and its numbers on each line: {error}"
        ) from None
    except FileNotFoundError:
        raise DataError(f"tokenize.vectors is '{path}'; there is no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"tokenize.vectors '{str(path)[:200]}' cannot be read: {reason}") from None
    values = np.full((vocabulary_size, width), np.nan, np.float32)
    for row, vector in vectors.items():
        values[row] = vector
    return Vectors(values, skipped, first_skipped)


def _open(path: Path) -> BufferedIOBase:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _lines(file: BufferedIOBase) -> Iterator[tuple[int, bytes]]:
    """All lines but blank ones, with their numbers from 1."""
    for number, line in enumerate(file, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line.isspace():
            yield number, line


def _shape(lines: Sequence[bytes]) -> tuple[bool, int]:
    """Whether the first line is a header, and the number of numbers in a line.

    Example:
        >>> _shape([b"2 3", b"good 1 2 3"]), _shape([b"good 1 2 3", b". . 1 2 3", b"1984 1 2 3"])
        ((True, 3), (False, 3))
    """
    if not lines:
        raise _Unreadable("it has none")
    header = _HEADER.fullmatch(lines[0].strip())
    if header:
        width = int(header[1])
    else:
        (width, _), *_ = Counter(_numbers_at_the_end(line.split()) for line in lines).most_common()
    if width < 2:
        raise _Unreadable(f"its {'header' if header else 'first lines'} have no vector of 2 numbers or more")
    return header is not None, width


def _numbers_at_the_end(fields: Sequence[bytes]) -> int:
    """How many fields at the end are numbers; the first field is always a token."""
    for count, field in enumerate(reversed(fields[1:])):
        if _number(field) is None:
            return count
    return len(fields) - 1


def _number(field: bytes) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None


def _can_be_skipped(line: bytes, width: int, rows: Mapping[bytes, int]) -> bool:
    """Whether the line is well formed and its token is not in the vocabulary, so that its numbers need not be read."""
    token, _, numbers = line.rstrip().partition(b" ")
    may_be_needed = not token or token in rows
    return not may_be_needed and numbers.count(b" ") == width - 1 and not numbers.translate(None, _NUMBER_BYTES)


def _read(line: bytes, width: int) -> tuple[bytes, NDArray[np.float32]]:
    """The token of a line, and its vector (width,).

    Raises:
        _Unreadable: it has too few fields, or one of the last ones is no finite number of float32.
    """
    token, *fields = line.rstrip().rsplit(None, width)
    if len(fields) < width:
        raise _Unreadable(f"{len(fields)} of {width} numbers follow the token")
    values = [_number(field) for field in fields]
    for field, value in zip(fields, values, strict=True):
        if value is None or not abs(value) <= LARGEST:  # not >, since NaN must fail too
            raise _Unreadable(f"{field[:40].decode(errors='replace')!r} is not a finite number")
    return token, np.array(values, np.float32)
