"""Which runs a process is writing to right now: a file in mlflow.running/ for each, locked while that process lives.

The operating system releases the lock however the process ends. A file that nobody locks is left by a killed process:
the next one that opens the store closes that run. The file's name is the run's tag `writer`, so that the file can be
there before the run is.
"""

import fcntl
import json
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from core.repository import exists

RUNNING = "mlflow.running"
TAG = "writer"
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Entry:
    """What a process notes down before it creates a run or takes one up.

    Attributes:
        store: which store the run is in, as the client names it.
        experiment: the name of the run's experiment.
        path: this entry's file; in a copied working copy it still names the original.
        opened: milliseconds since 1970.
        host: the machine's name.
        boot: the machine's number since it was started, which containers share.
    """

    store: str
    experiment: str
    path: str
    opened: int
    host: str
    boot: str


class Writer:
    """This process, as the writer of one run."""

    def __init__(self, root: Path, store: str, experiment: str) -> None:
        """Notes down that a run of `experiment` is being written to from now on; where it cannot, it says so."""
        self.name = uuid4().hex
        self._path = root / RUNNING / self.name
        part = self._path.with_name(f".{self.name}.part")
        moment = time.time_ns() // 1_000_000
        entry = Entry(store, experiment, str(self._path), moment, platform.node(), _boot())
        self._file: TextIO | None = None  # the lock lasts until it is closed
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = part.open("w", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            json.dump(asdict(entry), self._file)
            self._file.flush()
            part.replace(self._path)
        except OSError as error:
            reason = f"{RUNNING}/ cannot be written ({error.strerror or error})"
            print(f"warning: {reason}; if this process is killed, its MLflow run stays RUNNING", file=sys.stderr)

    def close(self) -> None:
        """The run's end is known; nobody else has to close it."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        if self._file:
            self._file.close()


def noted(root: Path) -> bool:
    """Whether any run is being written to in this working copy, or was when its process was killed."""
    return any((root / RUNNING).glob("[!.]*"))


def abandoned(root: Path, store: str, shared: bool) -> Iterator[tuple[Path, Entry]]:
    """What killed processes have left of runs in this `store`, each locked meanwhile; who closes the run deletes it.

    A run of another machine is left alone, since not every network file system shows its locks here. Where the store is
    `shared` with other working copies, so is a run of the one that this one is a copy of.
    """
    for path in sorted((root / RUNNING).glob("[!.]*")):
        with suppress(OSError), path.open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its process lives
            if not path.exists():
                continue  # another process was faster
            try:
                entry = Entry(**json.load(file))
            except (ValueError, TypeError):  # cut off by a full disk
                path.unlink()
                continue
            if entry.store != store or (entry.host != platform.node() and entry.boot != _boot()):
                continue
            if shared and exists(Path(entry.path)) and not path.samefile(entry.path):
                path.unlink()
                continue
            yield path, entry


def _boot() -> str:
    return BOOT.read_text(encoding="utf-8").strip() if BOOT.exists() else platform.node()
