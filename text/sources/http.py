"""Downloads over http and https: progress bar, several attempts, each going on where the last was cut.

What has arrived lies beside its final place together with the server's name for that version of the file (its ETag or
date), so that also a later process can go on, and never joins the parts of two versions.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from core.deadline import Overdue, within
from core.errors import DataError

CHUNK = 2**15  # bytes; a connection on which they take longer than the timeout has stalled
PASSING_STATUS = {408, 425, 429, 500, 502, 503, 504}


def shown(address: str) -> str:
    """The address without what may be secret in it: user, password and query."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def file_name(address: str) -> str:
    """The last part of the address, fit for a file system."""
    last = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last).lstrip(".")[-100:] or "download"


class _Cut(Exception):
    """A passing fault of the connection or server: worth another attempt."""


def download(
    address: str,
    path: Path,
    is_right: Callable[[Path], bool] | None,
    *,
    attempts: int,
    pause: float,
    timeout: float,
) -> None:
    """Downloads to `path`, where the rest of an earlier, cut download may lie.

    `is_right` tells whether a whole file has its checksum; None: no checksum is known. A wrong file that was put
    together from several attempts is fetched once more from its start; another one is left for the caller to judge.

    Raises:
        DataError: HTTP status, web page instead of a file, or the connection failed at every attempt.
    """
    part = _Part(path)
    for attempt in range(1, attempts + 1):
        try:
            resumed = _receive(address, part, is_right is not None, timeout)
            if resumed and is_right is not None and not is_right(path):
                part.discard()
                raise _Cut("what was downloaded in parts has a wrong checksum")
            part.forget_version()
            return
        except _Cut as fault:
            if attempt == attempts:
                raise DataError(f"{shown(address)}: {fault}; given up after {attempts} attempts") from None
            sleep(pause * 2 ** (attempt - 1))


class _Part:
    """What has arrived of a file so far, and the server's name for that version of it (ETag or date)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version_path = path.with_name(f"{path.name}.version")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> str | None:
        return (self._version_path.read_text(encoding="utf-8") or None) if self._version_path.exists() else None

    def start(self, version: str | None) -> None:
        self.discard()
        self._version_path.write_text(version or "", encoding="utf-8")

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.forget_version()

    def forget_version(self) -> None:
        self._version_path.unlink(missing_ok=True)


def _receive(address: str, part: _Part, verified_later: bool, timeout: float) -> bool:
    """One attempt to get the rest of the file; returns whether it went on from an earlier one."""
    headers = {"Accept-Encoding": "identity"}  # the bytes that the checksum is of
    version = part.version()
    if part.size() and (version or verified_later):
        headers["Range"] = f"bytes={part.size()}-"
        if version:
            headers["If-Range"] = version
    with _answer(address, headers, timeout) as response:
        if response.status_code == 416:
            part.discard()
            raise _Cut("the server cannot resume")
        if response.status_code not in (200, 206):
            message = f"the server answers with HTTP status {response.status_code} ({response.reason})"
            if response.status_code in PASSING_STATUS:
                raise _Cut(message)
            raise DataError(f"{shown(address)}: {message}")
        resumed = response.status_code == 206
        if resumed and response.headers.get("Content-Range", "").split("-")[0] != f"bytes {part.size()}":
            part.discard()
            raise _Cut("the server resumes at a wrong place")
        if not resumed:
            part.start(_version(response))
        _append(response, part, address, timeout)
        return resumed


@contextmanager
def _answer(address: str, headers: dict[str, str], timeout: float) -> Iterator[requests.Response]:
    try:
        with within(timeout):
            response = requests.get(address, headers=headers, timeout=timeout, stream=True)
    except (requests.Timeout, Overdue):
        raise _Cut(f"the server sent no answer for {timeout:g} seconds") from None
    except requests.ConnectionError as error:
        raise _Cut(f"the server cannot be reached ({_reason(error)})") from None
    except (requests.RequestException, ValueError) as error:  # a ValueError: redirected to what is no address
        raise DataError(f"{shown(address)}: {_reason(error)}") from None
    with response:
        yield response


def _reason(error: BaseException) -> str:
    """The innermost cause, such as `Connection refused`, without the library's wrapping."""
    while isinstance(
        inner := getattr(error, "reason", None) or (error.args[-1] if error.args else None), BaseException
    ):
        error = inner
    return getattr(error, "strerror", None) or " ".join(str(error).split()).rpartition(": ")[2]


def _version(response: requests.Response) -> str | None:
    """What If-Range may hold: a strong ETag, or the date of the last change."""
    etag = response.headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _append(response: requests.Response, part: _Part, address: str, timeout: float) -> None:
    done = part.size()
    length = response.headers.get("Content-Length")
    total = done + int(length) if length and length.isdigit() else None
    with part.path.open("ab") as file, progress(file_name(address), done, total) as advance:
        try:
            while chunk := _read(response, timeout):
                if not done and _is_page(chunk):
                    raise DataError(f"{shown(address)}: the server sent a web page instead of the file")
                file.write(chunk)
                done += len(chunk)
                advance(len(chunk))
        except (urllib3.exceptions.ReadTimeoutError, Overdue):
            raise _Cut(
                f"the server sent next to nothing for {timeout:g} seconds after {done} of {total or '?'} bytes"
            ) from None
        except (urllib3.exceptions.HTTPError, ConnectionError, ValueError):  # a chunk of less than nothing
            raise _Cut(f"the connection was cut after {done} of {total or '?'} bytes") from None


def _read(response: requests.Response, timeout: float) -> bytes:
    """The next chunk whole, or what is left."""
    with within(timeout):
        # The raw stream: requests' own would undo a Content-Encoding, which archives are sometimes labelled with.
        chunk: bytes = response.raw.read(CHUNK, decode_content=False)
        return chunk


def _is_page(chunk: bytes) -> bool:
    return chunk[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


@contextmanager
def progress(name: str, done: int, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a line elsewhere; gives the function that is told of each chunk's size."""
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn(name), *columns, console=console, disable=not console.is_terminal) as bar:
        if not console.is_terminal:
            console.print(f"downloading {name}" + (f", going on at byte {done}" if done else ""), highlight=False)
        task = bar.add_task(name, total=total, completed=done)
        yield lambda size: bar.advance(task, size)
