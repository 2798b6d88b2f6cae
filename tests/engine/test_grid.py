"""Tasks that cannot run now do not keep others from running."""

import os
from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from config.params import load
from engine.grid import Grid, Job
from engine.recording import Recorder
from engine.slots import Node, Slots
from engine.tasks import Task
from engine.view import View
from tests.pipelines.project import ROOT

A10, H100 = Node("1", "10.0.0.1", "A10"), Node("2", "10.0.0.2", "H100")


class OneStepJob(Job):
    """Ends at once."""

    def __init__(self, crew: "SmallCrew", task: Task, node: Node) -> None:
        super().__init__(task)
        self._crew, self._node = crew, node
        self.output, writing = os.pipe()
        os.close(writing)

    def advance(self) -> None:
        self.ended = True
        self.finished = list(self.task.stages)
        os.close(self.output)
        self._crew.slots.give_back(self.task.name, self._node, finished=True)


class SmallCrew:
    """One place on each of its nodes; the node H100 joins when the task `joins_after` has begun."""

    def __init__(self, joins_after: str) -> None:
        self.began: list[str] = []
        self.slots = Slots(lambda name: name.rpartition("-")[2])
        self._joins_after = joins_after
        self.slots.add(H100, 1)
        self.slots.remember("gru-1", H100.hardware)
        self.slots.remove(H100)
        self.slots.add(A10, 1)

    def begin(self, task: Task, view: View) -> Job | None:
        if (node := self.slots.take(task.name)) is None:
            return None
        self.began.append(task.name)
        if task.name == self._joins_after:
            self.slots.add(H100, 1)
        return OneStepJob(self, task, node)

    def look(self) -> float:
        return 0.0


def run(crew: SmallCrew, names: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    view = View(names, Console(file=StringIO()))
    tasks = [Task(name, (f"trial@{name}-0-0",)) for name in names]
    Grid(crew, tasks, None, Recorder([], load(), view.say), view).run()


def test_a_task_that_waits_for_its_hardware_lets_others_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = SmallCrew(joins_after="bilstm-2")
    run(crew, ["lstm-1", "lstm-2", "bilstm-2"], monkeypatch)
    assert crew.began == ["lstm-2", "bilstm-2", "lstm-1"]
