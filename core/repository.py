"""Where the project keeps what is not an output of DVC: MLflow's store, measurements and checkpoints."""

import os
import uuid
from pathlib import Path

from filelock import FileLock

from core.errors import DataError
from core.replacing import replacing

WORKING_COPY = "WORKING_COPY"  # environment variable: on a node of a cluster, the head's working copy


def repository_root() -> Path:
    """The repository in which the user works, also for a stage that DVC runs in a temporary copy of it."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def checkpoints_folder() -> Path:
    """The folder of checkpoints and locks, made if it is missing.

    Raises:
        DataError: it cannot be made or written.
    """
    folder = repository_root() / "checkpoints"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be made: {error.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise DataError(f"{folder} cannot be written")
    return folder


def exists(path: Path) -> bool:
    """Whether `path` exists, as far as this user can see."""
    try:
        return path.exists()
    except OSError:  # a folder above it may not be entered
        return False


def working_copy() -> str:
    """An identifier of this working copy, created at first use.

    It stays the same when the folder is moved. A copy beside the original gets a different one, so that it does not
    resume the original's runs on a server that both use.
    """
    if WORKING_COPY in os.environ:
        return os.environ[WORKING_COPY]
    path = checkpoints_folder() / "working-copy"
    with FileLock(f"{path}.lock"):
        number, place = _read(path)
        if place != str(path):
            if not number or _is_copy(path, number, place):
                number = uuid.uuid4().hex
            with replacing(path) as part:
                part.write_text(f"{number}\n{path}", encoding="utf-8", errors="surrogateescape")
    return number


def _is_copy(path: Path, number: str, place: str) -> bool:
    """Whether the folder in which `number` was made still exists beside this one."""
    return bool(place) and _read(Path(place))[0] == number and not path.samefile(place)


def _read(path: Path) -> tuple[str, str]:
    """The identifier in the file `path`, and the path that the file had when it was written; empty if unreadable."""
    try:
        number, _, place = path.read_text(encoding="utf-8", errors="surrogateescape").partition("\n")
    except OSError:  # such as a folder that belongs to somebody else now
        return "", ""
    return number, place
