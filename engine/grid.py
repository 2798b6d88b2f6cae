"""Runs tasks at the same time, a worker in each room, and has their results recorded as they finish."""

from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait

from config.params import Params
from engine.recording import Recorder
from engine.rooms import Room
from engine.stages import Task
from engine.view import View
from engine.workers import Worker, context


def run_grid(tasks: Sequence[Task], rooms: Sequence[Room], params: Params) -> list[str]:
    """Runs `tasks`, one in each of the `rooms` at a time; returns the names of those that failed.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; workers have stopped, and what was finished is recorded.
        TrainingError: DVC did not record something.
    """
    with View([task.name for task in tasks]) as view:
        grid = Grid(tasks, rooms, params, view)
        try:
            while grid.advance():
                wait(grid.streams())
        finally:
            grid.stop()
    return grid.failed


class Grid:
    """The state of a run: which tasks wait, which workers are at work, what is being recorded.

    Attributes:
        failed: names of tasks that failed
    """

    def __init__(self, tasks: Sequence[Task], rooms: Sequence[Room], params: Params, view: View) -> None:
        self.failed: list[str] = []
        self._waiting = deque(tasks)
        self._free = deque(rooms)
        self._at_work: list[tuple[Worker, Task, Room]] = []
        self._params, self._view, self._parallel = params, view, len(rooms)
        self._mp_context = context(params)
        self._recorder = Recorder(view.say)

    def streams(self) -> list[int]:
        """File descriptors, of which one becomes readable when there is something to do."""
        return [*(worker.output for worker, _, _ in self._at_work), *self._recorder.streams()]

    def advance(self) -> bool:
        """Shows what workers have printed, and replaces those that have ended; returns whether work is left."""
        for entry in list(self._at_work):
            worker, task, _ = entry
            for line in worker.lines():
                self._view.say(task.name, line)
            if worker.ended:
                self._at_work.remove(entry)
                self._follow_up(*entry)
        while self._waiting and self._free:
            task = self._waiting.popleft()
            self._start(task, task.stages[0], self._free.popleft())
        if self._recorder.can_advance():
            self._recorder.advance()
        return bool(self._at_work or self._recorder.busy)

    def stop(self) -> None:
        """Stops the workers that are still at work, and records the stages that were finished."""
        for worker, task, _ in self._at_work:
            self._recorder.add(task.stages[: task.stages.index(worker.stage)])
        for worker, _, _ in self._at_work:
            worker.stop()
        for worker, task, _ in self._at_work:
            while not worker.ended:
                wait([worker.output])
                for line in worker.lines():
                    self._view.say(task.name, line)
            worker.code()
        self._at_work = []
        self._recorder.finish()

    def _start(self, task: Task, stage: str, room: Room) -> None:
        self._recorder.begin(stage)
        self._view.begin(task.name, stage)
        self._at_work.append((Worker(self._mp_context, stage, self._params, room, self._parallel), task, room))

    def _follow_up(self, worker: Worker, task: Task, room: Room) -> None:
        """Starts the next stage of a task, or ends the task: the stages that it has finished are recorded."""
        done = task.stages[: task.stages.index(worker.stage) + 1]
        if code := worker.code():
            self._view.end(task.name, f"failed with exit code {code}")
            self.failed.append(task.name)
            done = done[:-1]
        elif done != task.stages:
            self._start(task, task.stages[len(done)], room)
            return
        else:
            self._view.end(task.name, "done")
        self._recorder.add(done)
        self._free.append(room)
