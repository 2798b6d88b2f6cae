"""Decompresses files as they are read, up to a limit, and converts UTF-16 to UTF-8."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from shutil import copyfileobj
from typing import Any

import pyarrow as pa

from core.errors import DataError

# Texts seldom shrink to less than a tenth; gzip reaches a thousandth. What unpacks to less than the floor is harmless.
BOMB_RATIO = 200
BOMB_FLOOR = 256 * 2**20

# How to decompress what begins with these bytes.
DECOMPRESSORS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
    b"\x28\xb5\x2f\xfd": lambda stream: pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd"),
}
BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")  # three bytes alone may begin a text
UTF_16_BYTES = 64  # of a file without the mark
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
ZIP_OF_ONE = re.compile(r"\.(csv|tsv|txt|jsonl?|ndjson|parquet|xlsx)\.zip$", re.IGNORECASE)


def contained(stream: Any, name: str, path: Path, floor: int) -> Any:
    """The stream of the file `name` in `path`, decompressed, and as UTF-8 if it is UTF-16."""
    content = _unzipped(stream, name, path, floor) if ZIP_OF_ONE.search(name) else decompressed(stream, path, floor)
    if encoding := _utf_16(content.peek(UTF_16_BYTES)[:UTF_16_BYTES]):
        return io.BufferedReader(_Recoded(content, encoding), 2**17)
    return content


def _utf_16(head: bytes) -> str | None:
    """The UTF-16 codec for a file that begins with `head`, or None; without a mark, every second byte is mostly 0."""
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    zeros = head[0::2].count(0), head[1::2].count(0)
    if len(head) < UTF_16_BYTES or min(zeros) > 0 or 5 * max(zeros) < 4 * (UTF_16_BYTES // 2):
        return None
    return "utf-16-be" if zeros[0] else "utf-16-le"


def decompressed(stream: Any, path: Path, floor: int) -> Any:
    """The stream, or its decompressed content; the limit also counts the content of files that are skipped."""
    head = stream.peek(16)
    for mark, decompressor in DECOMPRESSORS.items():
        if head.startswith(mark) and (mark != b"BZh" or BZIP2.match(head)):
            return io.BufferedReader(_Limited(decompressor(stream), path, limit_of(path, floor)), 2**17)
    return stream


def _unzipped(stream: Any, name: str, path: Path, floor: int) -> Any:
    """The only file in a zip inside an archive or folder.

    Raises:
        DataError: it holds several files, or is encrypted.
    """
    copy = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the stream that is returned
    copyfileobj(stream, copy)
    archive = zipfile.ZipFile(copy)
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not is_hidden(entry.filename)]
    if len(entries) != 1 or entries[0].flag_bits & 1:
        fault = f"holds {len(entries)} files" if len(entries) != 1 else "is encrypted"
        raise DataError(f"{name} in {path} {fault}; allowed: one file; unpack it")
    return io.BufferedReader(_Limited(archive.open(entries[0]), path, limit_of(path, floor)), 2**17)


def limit_of(path: Path, floor: int) -> int:
    """The bytes that a file may unpack to."""
    return max(floor, BOMB_RATIO * path.stat().st_size)


def is_hidden(name: str) -> bool:
    """Whether a file or one of its folders is hidden, or is what macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in clean_name(name).split("/"))


def clean_name(name: str) -> str:
    """The name in an archive without ./ before it."""
    return name.removeprefix("./")


def bomb(path: Path, limit: int) -> DataError:
    """The refusal of a file that unpacks to more than `limit` bytes."""
    return DataError(f"{path} is refused: it unpacks to more than {limit} bytes, over {BOMB_RATIO} times its own size")


class _Limited(io.RawIOBase):
    """A stream that raises once more than `limit` bytes were read from it."""

    def __init__(self, stream: Any, path: Path, limit: int) -> None:
        self._stream, self._path, self._limit, self._left = stream, path, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._stream.read(len(buffer))
        except pa.ArrowException as error:  # of zstd
            raise zlib.error(str(error)) from None
        self._left -= len(data)
        if self._left < 0:
            raise bomb(self._path, self._limit)
        buffer[: len(data)] = data
        return len(data)


class _Recoded(io.RawIOBase):
    """A UTF-16 stream as UTF-8, without the byte order mark."""

    def __init__(self, stream: Any, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            data = self._stream.read(2**16)
            try:
                self._rest = self._decoder.decode(data, final=not data).encode()
            except UnicodeError as error:
                raise zlib.error(f"not valid UTF-16: {error}") from None
            if not data:
                break
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
