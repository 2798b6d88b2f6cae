"""One run of the pipeline at a time in a working copy: a second one would train the same."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from core.repository import repository_root


@contextmanager
def only_one() -> Iterator[None]:
    """Waits until no other process runs the pipeline here."""
    path = repository_root() / "checkpoints" / "run.lock"
    path.parent.mkdir(exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print("waiting for another run of this pipeline in the same folder", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
