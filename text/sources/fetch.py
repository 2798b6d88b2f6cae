"""Brings a path, a folder or an address to this machine: `fetch("https://…/data.zip", cache, "sha256:…")` -> a path.

http and https go through text/sources/http.py; all other addresses through fsspec, folders too where it can list them.
A file enters the cache only when it is whole and has its checksum. Beside it a hidden JSON file keeps its SHA-256, so
that a cached file that was damaged later is noticed and fetched again.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path, PurePosixPath

import fsspec
from filelock import FileLock

from core.errors import DataError
from text.sources import http
from text.sources.addresses import digest, is_address, local_path
from text.sources.http import CHUNK, file_name, progress, shown

NO_FILE = "a device, pipe or socket; allowed: files and folders"  # which may never end


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
        checksum: `md5:…` or `sha256:…` of the file, or None: not checked.
        attempts: how often a download is tried; each goes on where the last was cut, if the server allows.
        pause: seconds before the second attempt, doubled before each further one.
        timeout: seconds for an answer, and for each of its chunks; a connection that takes longer has stalled.

    Raises:
        DataError: one line that names the source and what is wrong with it.
    """
    if not is_address(source):
        return _local(source, checksum)
    try:
        target = cache / hashlib.sha256(source.encode()).hexdigest()[:16] / file_name(source)
    except ValueError as error:
        raise DataError(f"data.source is {source!r}, which is no address: {error}") from None
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if _intact(target, checksum):
                return target
            if source.lower().startswith(("http://", "https://")):
                is_right = None if checksum is None else lambda path: _matches(path, checksum)
                http.download(source, part, is_right, attempts=attempts, pause=pause, timeout=timeout)
            else:
                _copy(source, target, part, checksum)
            if part.exists():  # not so after a folder, which lies in its place already
                _keep(part, target, source, checksum)
    except OSError as error:
        raise DataError(f"{error.filename or cache} cannot be written: {error.strerror or error}") from None
    return target


def _local(source: str, checksum: str | None) -> Path:
    if (path := local_path(source)) is None:
        raise DataError(f"data.source is {source[:200]!r}; there is no such file or folder")
    if not (path.is_file() or path.is_dir()):
        raise DataError(f"data.source is {source!r}, {NO_FILE}")
    if checksum is not None and path.is_dir():
        raise DataError(f"data.checksum is given, but data.source {source!r} is a folder; only a file has a checksum")
    try:
        _verify(path, source, checksum)
    except OSError as error:
        raise DataError(f"data.source {source!r} cannot be read: {error.strerror or error}") from None
    return path


def _matches(path: Path, checksum: str | None) -> bool:
    return checksum is None or digest(path, checksum.partition(":")[0]) == checksum


def _verify(path: Path, source: str, checksum: str | None) -> None:
    if checksum is not None and (found := digest(path, checksum.partition(":")[0])) != checksum:
        raise DataError(f"{shown(source)} has the checksum {found}; expected {checksum}")


def _record(target: Path) -> Path:
    return target.with_name(f".{target.name}.json")


def _intact(target: Path, checksum: str | None) -> bool:
    """Whether the cache holds the file as it was downloaded, and as `checksum` says."""
    try:
        recorded = json.loads(_record(target).read_text(encoding="utf-8"))["sha256"]
        return digest(target) == recorded and _matches(target, checksum)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _keep(part: Path, target: Path, address: str, checksum: str | None) -> None:
    """Puts a file into its place in the cache if it is the right one; a wrong one is deleted."""
    try:
        _verify(part, address, checksum)
        target.unlink(missing_ok=True)  # a damaged one; without it the record below is of no file
        _record(target).write_text(json.dumps({"sha256": digest(part)}), encoding="utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _copy(address: str, target: Path, part: Path, checksum: str | None) -> None:
    """Through fsspec: a file to `part`, or a folder with all files in it to `target`."""
    try:
        filesystem, root = fsspec.url_to_fs(address)
        if filesystem.info(root)["type"] == "other":
            raise DataError(f"{shown(address)} is {NO_FILE}")
        is_folder = filesystem.isdir(root)
        if is_folder and checksum is not None:
            raise DataError(f"data.checksum is given, but {shown(address)} is a folder; only a file has a checksum")
        places = {root: part}
        if is_folder:
            shutil.rmtree(target, ignore_errors=True)
            places = {path: target / PurePosixPath(path).relative_to(root) for path in filesystem.find(root)}
        with progress(target.name, 0, sum(filesystem.size(path) or 0 for path in places)) as advance:
            for path, place in places.items():
                place.parent.mkdir(parents=True, exist_ok=True)
                with filesystem.open(path, "rb") as remote, place.open("wb") as local:
                    while chunk := remote.read(CHUNK):
                        local.write(chunk)
                        advance(len(chunk))
    except DataError:
        raise
    except ImportError as error:
        raise DataError(f"{shown(address)} needs a package that is not installed: {error}") from None
    except FileNotFoundError:
        raise DataError(f"{shown(address)} does not exist") from None
    except Exception as error:  # each of fsspec's backends has errors of its own
        raise DataError(f"{shown(address)} cannot be fetched: {' '.join(str(error).split())}") from None
