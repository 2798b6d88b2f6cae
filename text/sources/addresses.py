"""Resolves the sources that params.yaml names: addresses, local files and folders; computes digests of local ones."""

import hashlib
import os
import re
from pathlib import Path

from core.checksums import checksum

LOCAL = re.compile(
    r"(file|local)://", re.IGNORECASE
)  # fsspec's prefixes of a local path: it needs no copy in the cache


def is_address(source: str) -> bool:
    """Whether `source` is an address such as s3://…; file://… is a local path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(//|:)", source) is not None and not LOCAL.match(source)


def local_path(source: str) -> Path | None:
    """The file or folder of that name; None if there is none."""
    try:
        path = Path(LOCAL.sub("", source)).expanduser()
        if not path.exists() and "DVC_ROOT" in os.environ:
            # `dvc exp run --temp` and the queue run in a copy of the project; relative paths start at the original.
            path = Path(os.environ["DVC_ROOT"]) / path
        return path if source != "" and place_of(path) else None
    except (OSError, RuntimeError):  # a name too long; the home of an unknown user
        return None


def place_of(path: Path) -> tuple[Path, str] | None:
    """The existing file or folder `path` and "", or an archive and the path inside it; None if there is neither.

    The path inside the archive is not checked: `data.zip/train.csv` is accepted if data.zip is a file.
    """
    if path.exists():
        return path, ""
    archive = next((parent for parent in path.parents if parent.exists()), None)
    return (archive, path.relative_to(archive).as_posix()) if archive is not None and archive.is_file() else None


def local_content(source: str | None) -> str | None:
    """The digest of a local `source`: of a file, or of a folder's names and files; None for anything else."""
    if source is None or is_address(source) or (path := local_path(source)) is None:
        return None
    try:
        path, _ = place_of(path) or (path, "")
        if path.is_file():
            return checksum(path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        lines = "".join(f"{file.relative_to(path).as_posix()!r} {checksum(file)}\n" for file in files)
        return f"sha256:{hashlib.sha256(lines.encode(errors='surrogateescape')).hexdigest()}"
    except OSError:  # the stage download says what cannot be read
        return None
