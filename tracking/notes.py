"""Which processes write to MLflow right now, and what MLflow still misses: a file in mlflow.running/ for each process.

A process locks its note while it runs; the operating system releases the lock however the process ends. The process
deletes its note if MLflow has received everything. So an unlocked note was left by a process that was killed or could
not reach MLflow: its run may still be RUNNING, and may have to be completed from the outputs. The run refers to the
note by its tag `writer`, so the note can be written before the run exists.
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
WRITER = "writer"  # the tag
# Environment variables on a node of a cluster. NO_STORE: the node has no store, and the head sends everything later.
# COMMIT: the commit of the head's working copy.
NO_STORE, COMMIT = "MLFLOW_NO_STORE", "GIT_COMMIT"
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Content:
    """What a note says.

    Attributes:
        store: identifies the MLflow store (tracking/connection.py).
        experiment: the name of the MLflow experiment.
        path: this note's file; in a copied working copy it still names the original.
        opened: milliseconds since 1970.
        host: the machine's name.
        boot: changes when the machine restarts; containers on one machine share it.
    """

    store: str
    experiment: str
    path: str
    opened: int
    host: str
    boot: str


class Note:
    """This process's note, locked until `close`."""

    def __init__(self, root: Path, store: str, experiment: str) -> None:
        """Writes the note; where that is impossible, a warning says so."""
        self.name = uuid4().hex
        self._path = root / RUNNING / self.name
        part = self._path.with_name(f".{self.name}.part")
        moment = time.time_ns() // 1_000_000
        content = Content(store, experiment, str(self._path), moment, platform.node(), _boot())
        self._file: TextIO | None = None  # the lock lasts until it is closed
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = part.open("w", encoding="utf-8")
            fcntl.flock(self._file, fcntl.LOCK_EX)
            json.dump(asdict(content), self._file)
            self._file.flush()
            part.replace(self._path)
        except OSError as error:
            reason = f"{RUNNING}/ cannot be written ({error.strerror or error})"
            print(f"warning: {reason}; if this process is killed, its MLflow run stays RUNNING", file=sys.stderr)

    def close(self, keep: bool) -> None:
        """Releases the lock; the note stays if MLflow misses something (`keep`)."""
        if not keep:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        if self._file:
            with suppress(OSError):  # what a full disk did not take
                self._file.close()


def exist(root: Path) -> bool:
    """Whether this working copy has notes, of living processes or of others."""
    return any((root / RUNNING).glob("[!.]*"))


def abandoned(root: Path, store: str, shared: bool) -> Iterator[tuple[Path, Content]]:
    """The notes for this `store` whose processes have ended; each is locked until the next one is requested.

    Notes of other machines are skipped, since not every network file system shares locks. If other working copies use
    the same store (`shared`), notes that were copied from another working copy are deleted: only the originals count.
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
                content = Content(**json.load(file))
            except (ValueError, TypeError):  # cut off by a full disk
                path.unlink()
                continue
            if content.store != store or (content.host != platform.node() and content.boot != _boot()):
                continue
            if shared and exists(Path(content.path)) and not path.samefile(content.path):
                path.unlink()
                continue
            yield path, content


def _boot() -> str:
    return BOOT.read_text(encoding="utf-8").strip() if BOOT.exists() else platform.node()
