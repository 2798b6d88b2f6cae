"""Checkpoints of unfinished trainings: checkpoints/<signature>/step-<n>.ckpt at the repository's root.

They are no outputs of DVC, which deletes its outputs before each run. A file holds what `torch.save` writes, then its
SHA-256 in 32 bytes, which shows truncation and flipped bits. Loading unpickles tensors and plain values only. The two
newest are kept, in case the newest is broken.
"""

import hashlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core import locks
from core.errors import TrainingError
from core.replacing import replacing
from core.repository import repository_root

DIGEST_SIZE = hashlib.sha256().digest_size


class Checkpoints:
    """The checkpoints of the training with this signature, below `root` or the repository's root."""

    def __init__(self, signature: str, root: Path | None = None) -> None:
        self.signature = signature
        self.folder = (root or repository_root()) / "checkpoints" / signature
        self._lock_file = self.folder.with_suffix(".lock")
        self._intact: Path | None = None  # the newest that is known to be

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds a lock, so that no two processes run the same training.

        Raises:
            TrainingError: the folder cannot be written.
        """
        with ExitStack() as stack:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                waiting = "waiting for another process that runs the same training"
                stack.enter_context(locks.acquire(self._lock_file, waiting))
                self.folder.mkdir(exist_ok=True)  # that process may have removed it
                for part in self.folder.glob(".*.part"):  # of a process that was killed while it wrote
                    part.unlink()
            except OSError as error:
                raise self._not_written(error) from None
            yield

    def load(self, announce: bool = True) -> dict[str, Any] | None:
        """The newest intact checkpoint, or None. With `announce`, prints the names of broken ones."""
        for path in reversed(self._paths()):
            try:
                state = _read(path)
                self._intact = path
                return state
            except (OSError, ValueError, RuntimeError) as error:
                if announce:
                    reason = " ".join(str(error).split())
                    print(f"{self._shown(path)} is broken ({reason}); using the one before it", file=sys.stderr)
        return None

    def save(self, step: int, state: dict[str, Any]) -> None:
        """Writes the checkpoint of `step`, whole or not at all; keeps the one that was loaded or saved before it.

        Raises:
            TrainingError: the disk refuses.
        """
        import torch  # takes two seconds, which whoever only removes checkpoints need not wait for

        path = self.folder / f"step-{step}.ckpt"
        content = io.BytesIO()
        torch.save(state, content)
        try:
            # Those that are newer than the one that was loaded are broken.
            for useless in set(self._paths()) - {path, self._intact}:
                useless.unlink()
            with replacing(path) as temporary, temporary.open("wb") as file:
                file.write(content.getbuffer())
                file.write(hashlib.sha256(content.getbuffer()).digest())
                file.flush()
                os.fsync(file.fileno())
            _sync(self.folder)
        except OSError as error:
            raise self._not_written(error) from None
        self._intact = path

    def remove(self) -> None:
        """Deletes the checkpoints, unless a process is running this training."""
        if not self.folder.exists():
            return
        try:
            with FileLock(self._lock_file).acquire(blocking=False):
                shutil.rmtree(self.folder, ignore_errors=True)
                self._lock_file.unlink(missing_ok=True)
        except (Timeout, OSError):
            return

    def _paths(self) -> list[Path]:
        """From the oldest to the newest."""
        return sorted(self.folder.glob("step-*.ckpt"), key=_step)

    def _shown(self, path: Path) -> Path:
        return path.relative_to(repository_root())

    def _not_written(self, error: OSError) -> TrainingError:
        resumable = "; the last checkpoint is kept, and dvc repro resumes from it" if self._paths() else ""
        return TrainingError(f"{self._shown(self.folder)} cannot be written: {error.strerror or error}{resumable}")


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))


def _read(path: Path) -> dict[str, Any]:
    import torch

    content = memoryview(path.read_bytes())
    if hashlib.sha256(content[:-DIGEST_SIZE]).digest() != content[-DIGEST_SIZE:]:
        raise ValueError("its checksum differs")
    state: dict[str, Any] = torch.load(io.BytesIO(content[:-DIGEST_SIZE]), map_location="cpu", weights_only=True)
    return state


def _sync(folder: Path) -> None:
    """Flushes the folder to disk; otherwise a rename may be lost."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
