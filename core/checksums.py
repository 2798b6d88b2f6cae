"""The checksum of a file, as outputs, sources and the download cache record it."""

import hashlib
from pathlib import Path


def checksum(path: Path, algorithm: str = "sha256") -> str:
    """The digest of the file's bytes, such as `sha256:…`; a gigabyte takes a second."""
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def checksum_line(name: Path | str, root: Path = Path()) -> str:
    """A line about the file `name` below `root`, as `sha256sum` writes and checks it."""
    return f"{checksum(root / name).removeprefix('sha256:')}  {name}\n"
