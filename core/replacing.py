"""Writes a file whole or not at all. Imports no library: core/environment.py must run where none is installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def beside(path: Path, suffix: str) -> Path:
    """A name of this process for a temporary file or folder beside `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}.{suffix}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; the file replaces `path` unless the block raises.

    Raises:
        OSError: the disk refuses.
    """
    temporary = beside(path, "part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
