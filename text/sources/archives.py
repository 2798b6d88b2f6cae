"""Reads the files of an archive, a folder or a single file one after another; nothing is extracted to disk.

The content of a file, not its name, decides what it is: tar or zip, compressed (gzip, xz, bzip2, zstd), both, or none
of them. Compressed files inside archives and folders are decompressed, also a zip of one file (train.tsv.zip); other
archives inside them are plain files, and so are Excel's (.xlsx), which are zip files. A file that begins with UTF-16's
byte order mark is read as UTF-8. An archive with absolute paths, `..`, links or devices is refused. So is one that
unpacks to far more than its own size: this check is ours, since the libraries do not limit what they unpack.
"""

import bz2
import codecs
import gzip
import io
import lzma
import re
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any

import pyarrow as pa

from core.errors import DataError
from text.sources.addresses import place_of

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
UTF_16_BYTES = 64  # of a file without the mark
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
ZIP_OF_ONE = re.compile(r"\.(csv|tsv|txt|jsonl?|ndjson|parquet|xlsx)\.zip$", re.IGNORECASE)
BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")  # three bytes alone may begin a text
EXCEL = "xl/workbook.xml"  # a member of each .xlsx

NameFilter = Callable[[str], bool]


@dataclass
class Member:
    """A file in an archive or folder. Its content can be read once, before the next member."""

    name: str  # inside the archive or folder, with slashes
    origin: str  # the file's name in errors
    path: Path  # of the archive or file
    _stream: IO[bytes]

    def read(self) -> bytes:
        """The whole content."""
        with _faults(self.path):
            return self._stream.read()

    def lines(self) -> Iterator[bytes]:
        """The lines of the content, each with its line feed."""
        with _faults(self.path):
            yield from self._stream

    @contextmanager
    def file(self) -> Iterator[IO[bytes]]:
        """The content as a file that can be read several times; from an archive it is a temporary copy."""
        if isinstance(getattr(self._stream, "raw", None), io.FileIO):
            with _faults(self.path):
                yield self._stream
            return
        with tempfile.TemporaryFile() as copy:
            with _faults(self.path):
                copyfileobj(self._stream, copy)
            copy.seek(0)
            yield copy


def members(path: Path, is_read: NameFilter = lambda _: True, *, floor: int = BOMB_FLOOR) -> Iterator[Member]:
    """The files in `path` whose name `is_read` accepts, without hidden ones; those of a folder are sorted.

    `path` may lead into an archive: data.zip/train.csv, data.zip/train.

    Raises:
        DataError: `path` is damaged, unreadable, or an unsafe archive.
    """
    if (place := place_of(path)) and place[1]:
        path, is_read = place[0], _inside(place[1], is_read)
    with _faults(path):
        if path.is_dir():
            for file in sorted(file for file in path.rglob("*") if file.is_file()):
                name = file.relative_to(path).as_posix()
                if _is_chosen(name, is_read):
                    with file.open("rb") as stream, _faults(file):
                        yield Member(plain_name(name), str(file), file, _content(stream, name, file, floor))
            return
        with path.open("rb") as stream:
            head = stream.peek(512)
            if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) and not _is_excel(stream):
                yield from _zip(stream, path, is_read, floor)
            elif _is_tar(head):
                stream.seek(-512, io.SEEK_END)
                if stream.read().strip(b"\0"):
                    raise tarfile.ReadError("no end mark")
                stream.seek(0)
                yield from _tar(stream, path, is_read, floor)
            elif (content := _decompressed(stream, path, floor)) is not stream and _is_tar(content.peek(512)):
                yield from _tar(content, path, is_read, floor)
            elif _is_chosen(path.name, is_read):
                yield Member(plain_name(path.name), str(path), path, _content(content, path.name, path, floor))


def is_archive_name(name: str) -> bool:
    """Whether an address or path names an archive of several files."""
    return re.search(r"\.(tar|zip|tgz|tar\.(gz|xz|bz2|zst))$", name.lower()) is not None


def plain_name(name: str) -> str:
    """The name without the suffix of a compression: data.csv for data.csv.gz, and for data.csv.zip."""
    if ZIP_OF_ONE.search(name):
        return name[: -len(".zip")]
    stem, dot, suffix = name.rpartition(".")
    return stem if f".{suffix.lower()}" in COMPRESSED and dot else name


def names(path: Path) -> list[str]:
    """The names of all files that `members` yields."""
    return [member.name for member in members(path)]


def ordered(path: Path, wanted: Sequence[str]) -> Iterator[Member]:
    """The members of these names in this order; an archive in another order is read again for each one out of place."""
    rest = deque(wanted)
    while rest:
        before = len(rest)
        for member in members(path, set(rest).__contains__):
            if rest and member.name == rest[0]:
                rest.popleft()
                yield member
        assert len(rest) < before, "names that `names` did not yield"


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Turns the libraries' errors into one line that names `path`."""
    try:
        yield
    except (
        *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile),
        *(zlib.error, lzma.LZMAError, EOFError),
    ) as error:
        raise DataError(f"{path} is damaged ({error}); delete it, or replace it by an undamaged one") from None
    except (OSError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _content(stream: Any, name: str, path: Path, floor: int) -> Any:
    """The stream of the file `name` in `path`, decompressed, and as UTF-8 if it is UTF-16."""
    content = _unzipped(stream, name, path, floor) if ZIP_OF_ONE.search(name) else _decompressed(stream, path, floor)
    if encoding := _utf_16(content.peek(UTF_16_BYTES)[:UTF_16_BYTES]):
        return io.BufferedReader(_Recoded(content, encoding), 2**17)
    return content


def _utf_16(head: bytes) -> str | None:
    """The kind of UTF-16 that begins so; without its mark every second byte of Latin letters is 0."""
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    zeros = head[0::2].count(0), head[1::2].count(0)
    if len(head) < UTF_16_BYTES or min(zeros) > 0 or 5 * max(zeros) < 4 * (UTF_16_BYTES // 2):
        return None
    return "utf-16-be" if zeros[0] else "utf-16-le"


def _decompressed(stream: Any, path: Path, floor: int) -> Any:
    """The stream, or its decompressed content, up to the limit, which counts skipped files too."""
    head = stream.peek(16)
    for mark, decompressor in DECOMPRESSORS.items():
        if head.startswith(mark) and (mark != b"BZh" or BZIP2.match(head)):
            return io.BufferedReader(_Limited(decompressor(stream), path, _limit(path, floor)), 2**17)
    return stream


def _unzipped(stream: Any, name: str, path: Path, floor: int) -> Any:
    """The only file in a zip inside an archive or folder.

    Raises:
        DataError: it holds several files, or is encrypted.
    """
    copy = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the stream that is returned
    copyfileobj(stream, copy)
    archive = zipfile.ZipFile(copy)
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_hidden(entry.filename)]
    if len(entries) != 1 or entries[0].flag_bits & 1:
        fault = f"holds {len(entries)} files" if len(entries) != 1 else "is encrypted"
        raise DataError(f"{name} in {path} {fault}; allowed: one file; unpack it")
    return io.BufferedReader(_Limited(archive.open(entries[0]), path, _limit(path, floor)), 2**17)


def _is_excel(stream: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(stream) as archive:
            return EXCEL in archive.namelist()
    finally:
        stream.seek(0)


def _limit(path: Path, floor: int) -> int:
    return max(floor, BOMB_RATIO * path.stat().st_size)


def _tar(file: IO[bytes], path: Path, is_read: NameFilter, floor: int) -> Iterator[Member]:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for entry in archive:
            plain = entry.isdir() or (entry.isreg() and not entry.issparse())
            _check(path, entry.name, None if plain else "a link" if entry.issym() or entry.islnk() else "no plain file")
            if entry.isreg() and _is_chosen(entry.name, is_read):
                stream = archive.extractfile(entry)
                assert stream is not None  # of a regular file
                content = _content(stream, entry.name, path, floor)
                yield Member(plain_name(_clean(entry.name)), f"{entry.name} in {path}", path, content)
        # tarfile takes a broken header for the end, and gzip's checksum is at the very end: read up to it.
        assert archive.fileobj is not None
        while rest := archive.fileobj.read(2**20):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("bad header")


def _zip(file: IO[bytes], path: Path, is_read: NameFilter, floor: int) -> Iterator[Member]:
    limit = _limit(path, floor)
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > limit:
            raise _bomb(path, limit)
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            fault = "encrypted" if entry.flag_bits & 1 else _ZIP_FAULTS.get(kind, "no plain file")
            _check(path, entry.filename, fault)
            if not entry.is_dir() and _is_chosen(entry.filename, is_read):
                with archive.open(entry) as stream:
                    content = _content(stream, entry.filename, path, floor)
                    yield Member(plain_name(_clean(entry.filename)), f"{entry.filename} in {path}", path, content)


_ZIP_FAULTS = {0: None, stat.S_IFREG: None, stat.S_IFDIR: None, stat.S_IFLNK: "a link"}


def _check(path: Path, name: str, fault: str | None) -> None:
    """Refuses a member that is no plain file or folder, or whose name leads out of the folder."""
    parts = name.replace("\\", "/").split("/")
    if fault is None and (parts[0] == "" or ":" in parts[0] or ".." in parts):
        fault = "a path out of the folder"
    if fault is not None:
        raise DataError(f"{path} is refused: its member {name!r} is {fault}; allowed: plain files and folders")


def _is_chosen(name: str, is_read: NameFilter) -> bool:
    """Whether to read a file; hidden ones (.DS_Store, .git/config, __MACOSX/._train.csv) are never read."""
    return not _is_hidden(name) and is_read(plain_name(_clean(name)))


def _is_hidden(name: str) -> bool:
    """Whether a file or one of its folders is hidden, or is what macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in _clean(name).split("/"))


def _inside(inner: str, is_read: NameFilter) -> NameFilter:
    """Accepts what `is_read` accepts of the file or folder `inner` of an archive."""
    return lambda name: (name == inner or name.startswith(f"{inner}/")) and is_read(name)


def _clean(name: str) -> str:
    return name.removeprefix("./")


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _bomb(path: Path, limit: int) -> DataError:
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
            raise _bomb(self._path, self._limit)
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
                raise zlib.error(f"no valid UTF-16: {error}") from None
            if not data:
                break
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
