"""The lines of a text file as strings: byte order marks, line ends, and encodings that are not the one that was set."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from core.errors import DataError

BOM = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
OTHERS = ("cp1252", "gb18030", "cp949")  # a hint names the first that fits
WORD = re.compile(r"\w*[^\x00-\x7f]\w*")  # with a character that is not ASCII's


def decode(data: bytes, origin: str, encoding: str = "utf-8", hint: str = "") -> str:
    """Bytes to text.

    Raises:
        DataError: the data is not of that encoding; the line names `origin` and the place, and ends with `hint`.
    """
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        found = data[error.start : error.start + 1].hex()
        where = f"byte 0x{found} at position {error.start + 1} there"
        raise DataError(f"{origin} is no {encoding.upper()} text: {where}{hint}") from None


def numbered_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their line end, counted from 1; a byte order mark before the first is left out.

    Lines end in a line feed or, in a file without any, in carriage returns, as old Macs wrote.
    """
    for number, line in enumerate(_ended(lines), 1):
        yield number, line.removeprefix(BOM) if number == 1 else line


def decoded(lines: Iterable[bytes], origin: str, encoding: str) -> Iterator[str]:
    """Lines as strings with their line end.

    Raises:
        DataError: a line is not of that encoding; the message names one that fits.
    """
    for number, line in numbered_lines(lines):
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError:
            yield decode(line, f"line {number} of {origin}", encoding, f"; {_hint(line, number, encoding)}")


def _ended(lines: Iterable[bytes]) -> Iterator[bytes]:
    """A file without any line feed comes as one line; its carriage returns then end lines."""
    rest = iter(lines)
    if (first := next(rest, None)) is not None:
        yield from chain([first] if first.endswith(b"\n") else first.splitlines(keepends=True), rest)


def _hint(line: bytes, number: int, encoding: str) -> str:
    if number == 1 and line.startswith(UTF_16_MARKS):
        return "this is UTF-16, save it as UTF-8"
    if _fits(line, "utf-8"):
        return "the line is UTF-8 text, set data.encoding to utf-8"
    others = [name for name in OTHERS if codecs.lookup(name) != codecs.lookup(encoding) and _fits(line, name)]
    return f"data.encoding may name another one, {f'such as {others[0]}' if others else 'if this is text at all'}"


def _fits(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


class Utf8Lines:
    """Counts the lines that say whether files are UTF-8 although another encoding was set for them."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._counts = codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig")
        self._valid = self._invalid = 0
        self._example = ""

    def add(self, lines: Iterable[bytes]) -> None:
        """Counts the lines of one file with other characters than those of ASCII."""
        if not self._counts:
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
        """A warning if most of these lines are UTF-8. By chance a short line of gb18030 may be, most are not."""
        if self._valid > self._invalid:
            mend = "convert the others to it" if self._invalid else "set data.encoding: utf-8, unless that is meant"
            misread = self._example.encode().decode(self._encoding, errors="replace")
            yield (
                f"data.encoding is {self._encoding}, but {self._valid:,} of {self._valid + self._invalid:,} lines with "
                f"other characters than ASCII's are UTF-8: {self._example[:40]!r} was read as {misread[:40]!r}; "
                f"{mend}"
            )
