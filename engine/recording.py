"""Records the workers' outputs with DVC soon after they finish, so that an interruption loses no finished stage."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from config.params import Params, load
from core import file_io, paths
from core.errors import ParamsError, TrainingError
from engine import dvc
from engine.tasks import inputs, training_of
from outputs.checkpoints import Checkpoints

GATHER_SECONDS = 30.0
"""How long a finished stage waits for others, so that they share a commit: DVC spends half a second on each commit,
and 0.4 on each stage. The last ones are committed during the comparison, which needs only one core. A kill during the
wait costs little, since a training keeps its last checkpoint until it is recorded."""


class Recorder:
    """Commits finished stages, several together; those that finish while a commit runs are committed after it.

    A stage whose inputs have changed since the run began is not recorded: DVC would take its outputs for those of the
    new inputs. It stays due. While params.yaml cannot be read, nothing is recorded; once it is fixed, the stages that
    have finished in the meantime are recorded.

    Args:
        stages: all that may be recorded; the digests of their inputs are taken now
        say: prints a line about a task, given the task's name and the line
        root: the folder that holds the trainings' checkpoints/; None: the repository

    Attributes:
        recorded: the stages that DVC has recorded
        refused: the stages that were not recorded because an input has changed
        unreadable: whether params.yaml could not be read at the last attempt to record; a message has said so
    """

    def __init__(
        self, stages: Sequence[str], params: Params, say: Callable[[str, str], None], root: Path | None = None
    ) -> None:
        self.recorded: set[str] = set()
        self.refused: set[str] = set()
        self._began = inputs(stages, params)
        self._say = say
        self._root = root
        self._finished: list[str] = []
        self._gather_until = 0.0
        self._commit: subprocess.Popen[bytes] | None = None
        self._committed: list[str] = []
        self._lock_file = ""  # before the commit
        self.unreadable = False

    def add(self, stages: Sequence[str]) -> None:
        """Queues the finished stages of a task, except trials, which DVC does not know."""
        if not self._finished:
            self._gather_until = time.monotonic() + GATHER_SECONDS
        self._finished += [stage for stage in stages if stage in self._began]

    @property
    def busy(self) -> bool:
        """Whether something is being recorded, or can be."""
        return self._commit is not None or (bool(self._finished) and not self.unreadable)

    def streams(self) -> list[int]:
        """The file descriptor that becomes readable when a commit has ended."""
        return [self._commit.stdout.fileno()] if self._commit and self._commit.stdout else []

    def seconds_to_wait(self) -> float | None:
        """After how many seconds `advance` has something to do; None: not before a stream is readable."""
        if self._commit is not None or not self.busy:
            return None
        return max(self._gather_until - time.monotonic(), 0.0)

    def advance(self, at_once: bool = False) -> None:
        """Ends a commit that is over, and starts the next one if there is something to record.

        Args:
            at_once: no other stage is going to finish soon

        Raises:
            TrainingError: DVC did not record a stage.
        """
        if self._commit is not None and self._commit.poll() is not None:
            self._end(self._commit)
        if self._commit is None and self._finished and (at_once or time.monotonic() >= self._gather_until):
            stages, self._finished = self._finished, []
            self._committed = self._unchanged(stages)
            if self._committed:
                self._lock_file = dvc.LOCK_FILE.read_text(encoding="utf-8")
                self._commit = dvc.start_commit(self._committed)

    def finish(self) -> None:
        """Records what is left."""
        while self.busy:
            if self._commit is not None:
                self._end(self._commit)
            self.advance(at_once=True)

    def _end(self, commit: "subprocess.Popen[bytes]") -> None:
        said, _ = commit.communicate()
        self._commit = None
        unchanged = self._unchanged(self._committed)  # while DVC looked at them
        if commit.returncode and not self.unreadable:
            reason = " ".join(said.decode(errors="replace").split()) or f"exit code {commit.returncode}"
            raise TrainingError(f"dvc commit failed: {reason}")
        dvc.forget([stage for stage in self._committed if stage not in unchanged], self._lock_file)
        self.recorded.update(unchanged)
        for stage in unchanged:
            if stage.startswith("train@"):
                config = file_io.read_json(paths.folder(*training_of(stage)) / "config.json", made_by="train")
                Checkpoints(config["signature"], self._root).remove()

    def _unchanged(self, stages: Sequence[str]) -> list[str]:
        """Those of `stages` that may be recorded; the others are refused, or wait for a readable params.yaml."""
        try:
            now = inputs(stages, load())
        except ParamsError as error:
            if not self.unreadable:
                self._say("params.yaml", f"{error}; nothing is recorded until it is fixed; trainings continue")
            self.unreadable = True
            self._finished += stages
            return []
        self.unreadable = False
        for stage in stages:
            changed = [name for name, digest in self._began[stage].items() if now[stage][name] != digest]
            if changed:
                self.refused.add(stage)
                name = stage.rpartition("@")[2]
                self._say(name, f"{stage} is not recorded: {changed[0]} has changed since the run began")
        return [stage for stage in stages if stage not in self.refused]
