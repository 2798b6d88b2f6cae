"""The local engine: tasks in processes of this machine, each with cores or GPUs of its own."""

from collections import deque
from collections.abc import Sequence

from config.params import Params
from engine.cores_and_gpus import Share
from engine.grid import Job
from engine.tasks import Task
from engine.view import View
from engine.workers import Worker, context


class LocalCrew:
    """Runs as many tasks at a time as there are `shares`."""

    def __init__(self, shares: Sequence[Share], params: Params) -> None:
        self._free = deque(shares)
        self._parallel, self._params, self._origin = len(shares), params, context(params)

    def begin(self, task: Task, view: View) -> "LocalJob | None":
        """Starts `task`, if a share is free."""
        return LocalJob(self, task, self._free.popleft(), view) if self._free else None

    def look(self) -> None:
        """Shares become free only when a task ends."""

    def worker(self, stage: str, share: Share) -> Worker:
        """A new process for one stage."""
        return Worker(self._origin, stage, self._params, share, self._parallel)

    def release(self, share: Share) -> None:
        """Takes back the share of a task that has ended."""
        self._free.append(share)


class LocalJob(Job):
    """A running task: its stages, one after another, each in a process of its own."""

    def __init__(self, crew: LocalCrew, task: Task, share: Share, view: View) -> None:
        super().__init__(task)
        self._crew, self._share, self._view = crew, share, view
        self._stopping = False
        self._start()

    def advance(self) -> None:
        """Shows what has been printed, and starts the next stage if one has ended."""
        for line in self._worker.lines():
            self._view.say(self.task.name, line)
        if not self._worker.ended:
            return
        if code := self._worker.code():
            self.failure = f"failed with exit code {code}"
        else:
            self.finished.append(self._worker.stage)
        if not self.failure and not self._stopping and len(self.finished) < len(self.task.stages):
            self._start()
        else:
            self.ended = True
            self._crew.release(self._share)

    def stop(self) -> None:
        """Sends the running stage SIGTERM, so that it shuts down cleanly; no further stage starts."""
        self._stopping = True
        self._worker.stop()

    def _start(self) -> None:
        stage = self.task.stages[len(self.finished)]
        self._view.begin(self.task.name, stage)
        self._worker = self._crew.worker(stage, self._share)
        self.output = self._worker.output
