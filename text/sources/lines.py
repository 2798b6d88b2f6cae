"""Decodes the lines of text files: handles byte order marks and line ends, and explains wrong encodings."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from core.errors import DataError

OTHER_ENCODINGS = ("cp1252", "gb18030", "cp949")  # an error suggests the first that fits
WORD = re.compile(r"\w*[^\x00-\x7f]\w*")  # with a character beyond ASCII


def decode(data: bytes, origin: str, encoding: str = "utf-8", hint: str = "") -> str:
    """Bytes to text.

    Raises:
        DataError: the data has another encoding; the message names `origin` and the byte, and ends with `hint`.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte 0x{data[error.start]:02x} at position {error.start + 1}"
        raise DataError(f"{origin} is not {encoding.upper()} text: {where}{hint}") from None


def numbered_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their line end, counted from 1, without the file's byte order mark.

    Lines end in a line feed or, in a file without any, in carriage returns, as old Macs wrote.
    """
    rest = iter(lines)
    first = next(rest, b"").removeprefix(codecs.BOM_UTF8)
    yield from enumerate(chain([first] if first.endswith(b"\n") else first.splitlines(keepends=True), rest), 1)


def decoded(lines: Iterable[bytes], origin: str, encoding: str) -> Iterator[str]:
    """Lines as strings with their line end.

    Raises:
        DataError: a line has another encoding; the message suggests one that fits.
    """
    for number, line in numbered_lines(lines):
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError:
            yield decode(line, f"line {number} of {origin}", encoding, f"; {hint_for(line, encoding)}")


def hint_for(line: bytes, encoding: str) -> str:
    """What to do about a line that has another encoding than the one set."""
    if _fits(line, "utf-8"):
        return "the line is UTF-8 text: set data.encoding to utf-8"
    for name in OTHER_ENCODINGS:
        if codecs.lookup(name) != codecs.lookup(encoding) and _fits(line, name):
            return f"data.encoding may name another one, such as {name}"
    return "data.encoding may name another one, if this is text at all"


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


class Utf8Lines:
    """Finds out whether files are UTF-8 although another encoding was set for them."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._is_utf8_set = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")
        self._valid = self._invalid = 0  # lines with characters beyond ASCII that are UTF-8 or not
        self._example = ""

    def add(self, lines: Iterable[bytes]) -> None:
        """Counts the lines of one file that hold characters beyond ASCII."""
        if self._is_utf8_set:
            return
        for _, line in numbered_lines(lines):
            if line.isascii():
                continue
            if not _fits(line, "utf-8"):
                self._invalid += 1
                continue
            self._valid += 1
            if not self._example and (word := WORD.search(line.decode())):
                self._example = word[0]

    def notes(self) -> Iterator[str]:
        """A warning if most of these lines are UTF-8; a few short lines in gb18030 may be valid UTF-8 by chance."""
        if self._valid > self._invalid:
            remedy = (
                "convert the others to it" if self._invalid else "set data.encoding: utf-8, unless this is intended"
            )
            misread = self._example.encode().decode(self._encoding, errors="replace")
            yield (
                f"data.encoding is {self._encoding}, but {self._valid:,} of {self._valid + self._invalid:,} lines with "
                f"characters beyond ASCII are UTF-8: {self._example[:40]!r} was read as {misread[:40]!r}; {remedy}"
            )
