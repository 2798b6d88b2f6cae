"""Records with DVC what workers have made, as they finish, so that a stop loses nothing that was finished."""

import subprocess
from collections.abc import Callable, Sequence

from core import file_io, paths
from core.errors import TrainingError
from engine import dvc
from engine.stages import inputs, is_recorded, training_of
from outputs.checkpoints import Checkpoints


class Recorder:
    """Commits finished stages; those that finish while a commit runs are committed together after it.

    A stage whose inputs have changed since it began is not recorded: DVC would take its outputs for what the new inputs
    give. It stays due.

    Args:
        say: shows a line about a task, given the task's name and the line
    """

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._began: dict[str, dict[str, str]] = {}
        self._finished: list[str] = []
        self._commit: subprocess.Popen[bytes] | None = None
        self._committed: list[str] = []
        self._lock_file = ""  # before the commit

    def begin(self, stage: str) -> None:
        """Notes the inputs of `stage`, which begins now."""
        if is_recorded(stage):
            self._began[stage] = inputs(stage)

    def add(self, stages: Sequence[str]) -> None:
        """Takes the finished stages of a task."""
        self._finished += filter(is_recorded, stages)

    @property
    def busy(self) -> bool:
        """Whether something is being recorded, or has yet to be."""
        return self._commit is not None or bool(self._finished)

    def streams(self) -> list[int]:
        """The file descriptor that becomes readable when a commit has ended."""
        return [self._commit.stdout.fileno()] if self._commit and self._commit.stdout else []

    def can_advance(self) -> bool:
        """Whether a commit has ended, or the next one can start."""
        return bool(self._finished) if self._commit is None else self._commit.poll() is not None

    def advance(self) -> None:
        """Ends the commit that is running, and starts the next one.

        Raises:
            TrainingError: DVC did not record a stage.
        """
        if self._commit is not None:
            self._end(self._commit)
        self._committed = [stage for stage in self._finished if self._is_unchanged(stage)]
        self._finished = []
        if self._committed:
            self._lock_file = dvc.LOCK_FILE.read_text(encoding="utf-8")
            self._commit = dvc.start_commit(self._committed)

    def finish(self) -> None:
        """Records what is left."""
        while self.busy:
            self.advance()

    def _end(self, commit: "subprocess.Popen[bytes]") -> None:
        said, _ = commit.communicate()
        self._commit = None
        if commit.returncode:
            raise TrainingError(f"dvc commit failed: {' '.join(said.decode(errors='replace').split())}")
        changed = [stage for stage in self._committed if not self._is_unchanged(stage)]  # while DVC looked at them
        dvc.forget(changed, self._lock_file)
        for stage in set(self._committed) - set(changed):
            if stage.startswith("train@"):
                config = file_io.read_json(paths.folder(*training_of(stage)) / "config.json", made_by="train")
                Checkpoints(config["signature"]).remove()

    def _is_unchanged(self, stage: str) -> bool:
        now = inputs(stage)
        changed = [name for name, digest in self._began[stage].items() if now[name] != digest]
        if changed:
            self._say(stage.rpartition("@")[2], f"{stage} is not recorded: {changed[0]} has changed since it began")
        return not changed
