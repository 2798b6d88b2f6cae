"""One run of the pipeline at a time in a working copy: a second one would train the same."""

from filelock import AcquireReturnProxy, FileLock

from core import locks
from core.repository import repository_root


def only_one() -> AcquireReturnProxy[FileLock]:
    """Waits until no other process runs the pipeline here; locked until the end of a `with` block."""
    path = repository_root() / "checkpoints" / "run.lock"
    path.parent.mkdir(exist_ok=True)
    return locks.acquire(path, "waiting for another run of this pipeline in the same folder")
