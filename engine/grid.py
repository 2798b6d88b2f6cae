"""Runs tasks at the same time, wherever a crew has room, and has their results recorded as they finish."""

from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Protocol

from engine.recording import Recorder
from engine.tasks import Task
from engine.view import View


class Job:
    """A running task.

    Attributes:
        task: the task that it runs
        finished: the stages that have finished
        ended: whether the job is over
        failure: why it ended early; empty if it did not
        is_lost: whether it lost its slot, so that the unfinished stages have to start again
        output: file descriptor, readable when there are new events
    """

    output: int

    def __init__(self, task: Task) -> None:
        self.task = task
        self.finished: list[str] = []
        self.ended = False
        self.failure = ""
        self.is_lost = False

    def advance(self) -> None:
        """Processes the events since the last call."""
        raise NotImplementedError

    def stop(self) -> None:
        """Asks the task to shut down cleanly."""
        raise NotImplementedError


class Crew(Protocol):
    """Where tasks run: processes of this machine (engine/local.py) or a cluster (engine/cluster.py)."""

    def begin(self, task: Task, view: View) -> Job | None:
        """Starts `task`, if there is room for it now."""

    def look(self) -> float | None:
        """Notes what has changed; returns after how many seconds to look again even if no task ends (None: never)."""


class Grid:
    """The state of a run: which tasks are waiting or running, and what is being recorded.

    Args:
        crew: runs the tasks
        tasks: those that can run in parallel
        last: the task that runs after them, on this machine, while they are being recorded; it does not run if one of
            them failed or was not recorded (None: there is no such task)
        recorder: records their stages

    Attributes:
        failed: names of tasks that failed
    """

    def __init__(
        self, crew: Crew, tasks: Sequence[Task], last: tuple[Crew, Task] | None, recorder: Recorder, view: View
    ) -> None:
        self.failed: list[str] = []
        self._crew, self._last, self._recorder, self._view = crew, last, recorder, view
        self._waiting = list(tasks)
        self._jobs: list[Job] = []
        self._last_began = False
        self._next_look: float | None = None

    def run(self) -> None:
        """Runs all tasks.

        Raises:
            KeyboardInterrupt: Ctrl-C or SIGTERM; the tasks at work have stopped, and what was finished is recorded.
            TrainingError: DVC did not record something.
        """
        try:
            while self._advance():
                streams = [*(job.output for job in self._jobs), *self._recorder.streams()]
                limits = [self._recorder.seconds_to_wait(), self._next_look]
                wait(streams, timeout=min((limit for limit in limits if limit is not None), default=None))
        finally:
            self._stop()

    def _advance(self) -> bool:
        """Handles finished jobs, starts waiting tasks, and records results; returns whether work is left."""
        for ready in list(self._jobs):
            ready.advance()
            if ready.ended:
                self._end(ready)
        self._next_look = self._crew.look() if self._waiting or (self._jobs and not self._last_began) else None
        for task in list(self._waiting):  # one may have to wait for its hardware while another can start
            if job := self._crew.begin(task, self._view):
                self._jobs.append(job)
                self._waiting.remove(task)
        self._recorder.advance(at_once=not self._waiting and (self._last_began or not self._jobs))
        if not self._jobs and not self._waiting and not self._last_began:
            self._begin_last()
        return bool(self._jobs or self._waiting or self._recorder.busy)

    def _begin_last(self) -> None:
        refused = self.failed or self._recorder.refused or self._recorder.unreadable
        if self._last is not None and not refused:
            crew, task = self._last
            self._last_began = True
            if job := crew.begin(task, self._view):
                self._jobs.append(job)

    def _end(self, job: Job) -> None:
        self._jobs.remove(job)
        self._recorder.add(job.finished)
        remaining = job.task.stages[len(job.finished) :]
        if job.is_lost and remaining:
            self._view.end(job.task.name, "waiting")
            self._waiting.insert(0, Task(job.task.name, remaining))
            return
        self._view.end(job.task.name, job.failure or "done")
        if job.failure:
            self.failed.append(job.task.name)

    def _stop(self) -> None:
        """Stops the tasks that are still at work, and records the stages that were finished."""
        for job in self._jobs:
            job.stop()
        for job in self._jobs:
            while not job.ended:
                wait([job.output])
                job.advance()
            self._recorder.add(job.finished)
        self._jobs = []
        self._recorder.finish()
