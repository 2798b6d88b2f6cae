"""Locks between processes; a process that has to wait for one says so."""

import sys
from pathlib import Path

from filelock import AcquireReturnProxy, FileLock, Timeout


def acquire(path: Path, waiting: str) -> "AcquireReturnProxy[FileLock]":
    """Locks the file `path`; the end of a `with` block unlocks it. Prints `waiting` if another process has locked it.

    Raises:
        OSError: the file cannot be written.
    """
    lock = FileLock(path)
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        print(waiting, file=sys.stderr, flush=True)
        return lock.acquire()
