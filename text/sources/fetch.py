"""Brings `data.source` to this machine: `fetch("https://…/data.zip", cache, "sha256:…")` returns a local path.

fsspec transfers the files: http and https with aiohttp, s3://, gs://, sftp:// and others with the package that the user
installs for them. This module adds what fsspec lacks: retries, a limit for stalled transfers, checksums, and a cache
whose files are verified at each use. An interrupted download starts again from its first byte.
"""

import asyncio
import hashlib
import json
import os
import re
import shutil
from pathlib import Path, PurePosixPath
from time import sleep
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
from filelock import FileLock
from fsspec.asyn import sync
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from core import checksums
from core.errors import DataError
from text.sources.addresses import is_address, local_path, place_of

STALLED = 2**15  # bytes; a transfer that brings fewer than these within the timeout has stalled
TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}
LONGEST_PAUSE = 60.0  # seconds between two attempts, whatever Retry-After asks for
NO_FILE = "a device, pipe or socket; allowed: files and folders"  # reading one of these may never end


class _Failure(Exception):
    """Why a download failed; `transient`: another attempt may succeed, after `retry_after` seconds."""

    def __init__(self, reason: str, transient: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.transient = transient
        self.retry_after = retry_after


def default_cache() -> Path:
    """$LSTM_VS_BILSTM_CACHE, or a folder in the user's own cache."""
    return Path(os.environ.get("LSTM_VS_BILSTM_CACHE") or "~/.cache/lstm-vs-bilstm").expanduser()


def fetch(
    source: str,
    cache: Path,
    checksum: str | None = None,
    *,
    attempts: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
) -> Path:
    """The local path of `source`; a local path stays where it is.

    Args:
        source: a local file or folder, or an address.
        cache: the folder that keeps what is downloaded.
        checksum: `md5:…` or `sha256:…` of the file; None: not checked.
        attempts: how often a download is tried if the connection or the server fails.
        pause: seconds before the second attempt, doubled before each further one; Retry-After may prolong it.
        timeout: seconds for the connection, and for each further 32 KiB. This limit holds for http, https and every
            asynchronous fsspec package (s3fs, gcsfs, adlfs); the other packages have timeouts of their own.

    Raises:
        DataError: one line that names the source and what is wrong with it.
    """
    if not is_address(source):
        return _local(source, checksum)
    try:
        target = cache / hashlib.sha256(source.encode()).hexdigest()[:16] / _file_name(source)
    except ValueError as error:
        raise DataError(f"data.source is {source!r}, which is not a valid address: {error}") from None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not _is_intact(target, checksum):
                _download(source, target, checksum, attempts, pause, timeout)
    except OSError as error:
        raise DataError(f"{error.filename or cache} cannot be written: {error.strerror or error}") from None
    return target


def shown(address: str) -> str:
    """The address without its secrets: user, password and query."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _file_name(address: str) -> str:
    """The last part of the address, as a name that every file system takes."""
    last = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]
    return re.sub(r"[^\w.-]", "_", last).lstrip(".")[-100:] or "download"


def _local(source: str, checksum: str | None) -> Path:
    if (path := local_path(source)) is None:
        raise DataError(f"data.source is {source[:200]!r}; there is no such file or folder")
    place, _ = place_of(path) or (path, "")
    if not (place.is_file() or place.is_dir()):
        raise DataError(f"data.source is {source!r}, {NO_FILE}")
    _check_kind(place.is_dir(), f"data.source {source!r}", checksum)
    try:
        _verify(place, source, checksum)
    except OSError as error:
        raise DataError(f"data.source {source!r} cannot be read: {error.strerror or error}") from None
    return path


def _check_kind(is_folder: bool, source: str, checksum: str | None) -> None:
    if is_folder and checksum is not None:
        raise DataError(f"data.checksum is given, but {source} is a folder; only a file has a checksum")


def _verify(path: Path, source: str, checksum: str | None) -> None:
    if checksum is not None and (actual := checksums.checksum(path, checksum.partition(":")[0])) != checksum:
        raise DataError(f"{shown(source)} has the checksum {actual}; expected {checksum}")


def _record(target: Path) -> Path:
    """The hidden file that holds the SHA-256 of a cached one, so that damage is noticed."""
    return target.with_name(f".{target.name}.json")


def _is_intact(target: Path, checksum: str | None) -> bool:
    """Whether the cache holds the file as it was downloaded, and as `checksum` demands."""
    try:
        _verify(target, target.name, checksum)
        recorded: str = json.loads(_record(target).read_text(encoding="utf-8"))["sha256"]
        return checksums.checksum(target) == recorded
    except (OSError, ValueError, KeyError, TypeError, DataError):
        return False


def _download(address: str, target: Path, checksum: str | None, attempts: int, pause: float, timeout: float) -> None:
    """Puts a file into the cache once it is whole and verified, or a folder with all its files.

    Raises:
        DataError: names the address and the reason.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        for attempt in range(1, attempts + 1):
            try:
                is_folder = _transfer(address, target, part, checksum, timeout)
                break
            except _Failure as failure:
                if not failure.transient or attempt == attempts:
                    ending = f"; gave up after {attempts} attempts" if failure.transient else ""
                    raise DataError(f"{shown(address)}: {' '.join(str(failure).split())}{ending}") from None
                sleep(max(pause * 2 ** (attempt - 1), min(failure.retry_after, LONGEST_PAUSE)))
        if not is_folder:
            _verify(part, address, checksum)
            target.unlink(missing_ok=True)  # first, so that the new record never belongs to an old file
            _record(target).write_text(json.dumps({"sha256": checksums.checksum(part)}), encoding="utf-8")
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _transfer(address: str, target: Path, part: Path, checksum: str | None, timeout: float) -> bool:
    """One attempt to download a file to `part`, or a folder to `target`; returns whether it is a folder."""
    scheme, _, rest = address.partition(":")
    is_http = scheme.lower() in ("http", "https")
    try:
        filesystem, root = fsspec.url_to_fs(f"{scheme.lower()}:{rest}", **(_http_options() if is_http else {}))
        kind: str = "file" if is_http else filesystem.info(root)["type"]
        if kind == "other":
            raise _Failure(NO_FILE)
        _check_kind(kind == "directory", shown(address), checksum)
        places = {root: part}
        if kind == "directory":
            shutil.rmtree(target, ignore_errors=True)
            places = {path: target / PurePosixPath(path).relative_to(root) for path in filesystem.find(root)}
        if escaping := [path for path, place in places.items() if ".." in place.relative_to(target.parent).parts]:
            raise _Failure(f"its file {escaping[0]!r} has a path outside the folder")
        for path, place in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            _transfer_file(filesystem, path, place, timeout)
        if is_http and _is_web_page(part):
            raise _Failure("the server sent a web page instead of the file")
        return kind == "directory"
    except (DataError, _Failure):
        raise
    except ImportError as error:
        raise _Failure(f"a package for this kind of address is not installed: {error}") from None
    except FileNotFoundError:
        raise _Failure("there is no such file or folder") from None
    except Exception as error:  # each fsspec package has errors of its own
        reason = f"{type(error).__name__}: {getattr(error, 'message', '') or error}"
        raise _Failure(reason, transient=is_http and _is_transient(error)) from None


def _http_options() -> dict[str, Any]:
    """What fsspec passes to aiohttp."""
    import aiohttp  # not above: the import takes half a second, and most sources are local

    client = {
        "raise_for_status": _check_status,
        "auto_decompress": False,  # the checksum is that of the bytes as they are sent
        "trust_env": True,  # proxies, as curl and pip use them
        "timeout": aiohttp.ClientTimeout(total=None),  # _receive has the limit
    }
    return {"client_kwargs": client, "headers": {"Accept-Encoding": "identity"}, "skip_instance_cache": True}


async def _check_status(response: Any) -> None:
    """Refuses every answer but a whole file; aiohttp calls this after all redirects."""
    if response.status != 200:
        retry_after = response.headers.get("Retry-After", "")
        raise _Failure(
            f"the server answered with HTTP status {response.status} ({response.reason})",
            transient=response.status in TRANSIENT_STATUS,
            retry_after=float(retry_after) if retry_after.isdecimal() else 0.0,
        )


def _is_transient(error: Exception) -> bool:
    import aiohttp

    interrupted = isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError)
    return interrupted and not isinstance(error, aiohttp.ClientConnectorCertificateError)


def _is_web_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def _transfer_file(filesystem: Any, path: str, place: Path, timeout: float) -> None:
    """Downloads one file and shows the progress: a bar on a terminal, a line elsewhere."""
    name = _file_name(path)
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(TextColumn(name), *columns, console=console, disable=not console.is_terminal) as bar:
        if not console.is_terminal:
            console.print(f"downloading {name}", highlight=False)
        task = bar.add_task(name, total=None)

        def show(size: int | None, received: int, **_: Any) -> None:
            bar.update(task, total=size, completed=received)

        callback = fsspec.Callback(hooks={"show": show})
        if filesystem.async_impl:
            sync(filesystem.loop, _receive, filesystem, path, place, timeout, callback)
        else:
            filesystem.get_file(path, place, callback=callback)


async def _receive(filesystem: Any, path: str, place: Path, timeout: float, callback: fsspec.Callback) -> None:
    """Downloads one file within a limit that each further 32 KiB extend.

    The limit covers connection, headers, redirects and content. A limit for each read of the socket would not do: a
    server that sends a byte now and then never exceeds it.
    """
    received_at_extension = 0

    def extend(size: int | None, received: int, **_: Any) -> None:
        nonlocal received_at_extension
        if received - received_at_extension >= STALLED:
            received_at_extension = received
            limit.reschedule(asyncio.get_running_loop().time() + timeout)

    callback.hooks["extend"] = extend
    try:
        async with asyncio.timeout(timeout) as limit:
            await filesystem._get_file(path, place, callback=callback)
    except TimeoutError:
        if not limit.expired():
            raise
        reason = f"the server sent less than 32 KiB in {timeout:g} seconds, after {callback.value:,} bytes in all"
        raise _Failure(reason, transient=True) from None
