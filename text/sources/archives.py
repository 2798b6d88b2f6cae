"""Reads the files of an archive, a folder or a single file one after another, without unpacking an archive to a folder.

The content of a file, not its name, decides what it is: tar or zip, compressed (gzip, xz, bzip2, zstd), both, or none
of them. Compressed files inside archives and folders are decompressed, and so is a zip of one file (train.tsv.zip).
Other archives inside them are treated as plain files. So are Excel's files (.xlsx), although they are zip files. UTF-16
text is converted to UTF-8. An archive with absolute paths, `..`, links or devices is refused, and so is one that
unpacks to far more than its own size. The libraries do not limit what they unpack, so this project checks it.
"""

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
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfileobj
from typing import IO

from core.errors import DataError
from text.sources.addresses import place_of
from text.sources.decompression import (
    BOMB_FLOOR,
    ZIP_OF_ONE,
    bomb,
    clean_name,
    contained,
    decompressed,
    is_hidden,
    limit_of,
)

COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
EXCEL = "xl/workbook.xml"  # a member of each .xlsx

NameFilter = Callable[[str], bool]


@dataclass
class Member:
    """A file in an archive or folder. Its content can be read once, before the next member."""

    name: str  # inside the archive or folder, with slashes
    origin: str  # the file's name in errors
    path: Path  # of the archive or file
    _stream: IO[bytes]
    part: str | None = None  # the sheet or JSON key that holds the rows; None: the file has one table

    def at(self, stream: IO[bytes]) -> "Member":
        """The same file, read from a stream that can be read several times."""
        return replace(self, _stream=stream)

    def of_part(self, part: str | None) -> "Member":
        """One of the tables in this file."""
        return self if part is None else replace(self, part=part, origin=f"{part} in {self.origin}")

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
                        yield Member(plain_name(name), str(file), file, contained(stream, name, file, floor))
            return
        with path.open("rb") as stream:
            head = stream.peek(512)
            if head.startswith((b"PK\x03\x04", b"PK\x05\x06")) and not _is_excel(stream):
                yield from _zip(stream, path, is_read, floor)
            elif _is_tar(head):
                stream.seek(-512, io.SEEK_END)
                if stream.read().strip(b"\0"):
                    raise tarfile.ReadError("the end-of-archive marker is missing")
                stream.seek(0)
                yield from _tar(stream, path, is_read, floor)
            elif (content := decompressed(stream, path, floor)) is not stream and _is_tar(content.peek(512)):
                yield from _tar(content, path, is_read, floor)
            elif _is_chosen(path.name, is_read):
                yield Member(plain_name(path.name), str(path), path, contained(content, path.name, path, floor))


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
        raise DataError(f"{path} is damaged ({error}); delete it, or replace it with an intact one") from None
    except (OSError, NotImplementedError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _is_excel(stream: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(stream) as archive:
            return EXCEL in archive.namelist()
    finally:
        stream.seek(0)


def _tar(file: IO[bytes], path: Path, is_read: NameFilter, floor: int) -> Iterator[Member]:
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for entry in archive:
            plain = entry.isdir() or (entry.isreg() and not entry.issparse())
            _check(
                path, entry.name, None if plain else "a link" if entry.issym() or entry.islnk() else "not a plain file"
            )
            if entry.isreg() and _is_chosen(entry.name, is_read):
                stream = archive.extractfile(entry)
                assert stream is not None  # of a regular file
                content = contained(stream, entry.name, path, floor)
                yield Member(plain_name(clean_name(entry.name)), f"{entry.name} in {path}", path, content)
        # tarfile takes a broken header for the end, and gzip's checksum is at the very end: read up to it.
        assert archive.fileobj is not None
        while rest := archive.fileobj.read(2**20):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("bad header")


def _zip(file: IO[bytes], path: Path, is_read: NameFilter, floor: int) -> Iterator[Member]:
    limit = limit_of(path, floor)
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > limit:
            raise bomb(path, limit)
        for entry in archive.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)
            fault = "encrypted" if entry.flag_bits & 1 else _ZIP_FAULTS.get(kind, "not a plain file")
            _check(path, entry.filename, fault)
            if not entry.is_dir() and _is_chosen(entry.filename, is_read):
                with archive.open(entry) as stream:
                    content = contained(stream, entry.filename, path, floor)
                    yield Member(plain_name(clean_name(entry.filename)), f"{entry.filename} in {path}", path, content)


_ZIP_FAULTS = {0: None, stat.S_IFREG: None, stat.S_IFDIR: None, stat.S_IFLNK: "a link"}


def _check(path: Path, name: str, fault: str | None) -> None:
    """Refuses a member that is no plain file or folder, or whose name leads out of the folder."""
    parts = name.replace("\\", "/").split("/")
    if fault is None and (parts[0] == "" or ":" in parts[0] or ".." in parts):
        fault = "a path outside the folder"
    if fault is not None:
        raise DataError(f"{path} is refused: its member {name!r} is {fault}; allowed: plain files and folders")


def _is_chosen(name: str, is_read: NameFilter) -> bool:
    """Whether to read a file; hidden ones (.DS_Store, .git/config, __MACOSX/._train.csv) are never read."""
    return not is_hidden(name) and is_read(plain_name(clean_name(name)))


def _inside(inner: str, is_read: NameFilter) -> NameFilter:
    """Accepts what `is_read` accepts of the file or folder `inner` of an archive."""
    return lambda name: (name == inner or name.startswith(f"{inner}/")) and is_read(name)


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"
