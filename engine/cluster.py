"""The cluster engine runs tasks on the nodes of a Ray cluster: nodes.py says on which ones, remote.py is their code.

The head chooses the node of each task, so that all variants of one seed run on one kind of hardware (engine/slots.py),
writes the outputs that come back, and records them as the local engine does.
"""

import json
import os
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from config.params import Params
from config.train import TrainParams
from core import file_io, paths
from core.errors import ParamsError, TrainingError
from core.orphans import SECONDS_TO_END
from core.paths import PRETRAINED, SETTINGS, TOKENS
from core.repository import WORKING_COPY, working_copy
from engine import remote
from engine.grid import Job
from engine.nodes import LOOK_SECONDS, NEXT_RUN, Nodes, one_line
from engine.remote import Event, Work
from engine.slots import Node, Slots
from engine.tasks import REFERENCE, TRIAL, Task, files_for, training_of
from engine.view import View
from outputs import measurements
from outputs.conditions import ENGINE
from outputs.pretrained import WEIGHTS, read_pretraining
from outputs.token_files import read_summary
from tracking.notes import COMMIT, NO_STORE

DEAD = (ray.exceptions.NodeDiedError, ray.exceptions.LocalRayletDiedError)  # seconds before Ray lists the node as dead
ATTEMPTS = 4  # of a task whose node dies or is full
SECONDS_TO_ANSWER = SECONDS_TO_END + 10
SECONDS_TO_START = 60.0  # for Ray to start a task on a node that has room for it
SECONDS_TO_JOIN = 600.0  # to wait for a node that can run what is left, if no task is running
PART = 64 << 20  # bytes of a file that are one object in Ray's store


class ClusterCrew:
    """Runs as many tasks at a time as the nodes have room for; nodes may join and leave.

    Args:
        params: of the run
        shared: a folder that this machine and all nodes see, for checkpoints and tokens
        any_hardware: variants of one seed may run on different hardware
        finished: stages of trainings that need not be run

    Raises:
        ParamsError: no node can be used, or earlier trainings ran on other hardware.
    """

    def __init__(self, params: Params, shared: Path | None, any_hardware: bool, finished: Sequence[str]) -> None:
        if any_hardware and params.compare.matching == "training_time":
            raise ParamsError("compare.matching is 'training_time', which --any-hardware would make unfair")
        self._params, self._shared, self._any_hardware = params, shared, any_hardware
        with_gpus = any(node["Resources"].get("GPU") for node in ray.nodes() if node["Alive"])
        self._cpus, self._gpus = needs(params.train, with_gpus)
        self._slots = Slots(self._group)
        self.nodes = Nodes("train", self._cpus, self._gpus, params.train.accelerator, self._slots)
        self._tokens: dict[str, tuple[str, list[Any]]] = {}
        self._attempts: Counter[str] = Counter()
        self._lost_on: defaultdict[str, set[Node]] = defaultdict(set)  # nodes on which a task did not finish
        self._waiting: set[str] = set()  # tasks that no node can run; a message has said so
        self._at_work = 0
        self._idle_since = time.monotonic()
        for stage in finished:
            for hardware in _trained_on(stage):
                self._slots.remember(stage.partition("@")[2], hardware)

    def look(self) -> float:
        """Takes over which nodes have joined and left."""
        self.nodes.look()
        return LOOK_SECONDS

    def begin(self, task: Task, view: View) -> "ClusterJob | None":
        """Starts `task`, if a node has room for it.

        Raises:
            TrainingError: no task is running, no node can run this one, and none has joined for ten minutes.
        """
        node = self._slots.take(task.name, avoid=self._lost_on[task.name])
        if node is None:
            if not self._slots.suitable(task.name):
                self._wait_for_node(task, view)
            return None
        self._waiting.discard(task.name)
        self._at_work += 1
        self._attempts[task.name] += 1
        return ClusterJob(self, task, node, self._attempts[task.name] == ATTEMPTS, view)

    def _wait_for_node(self, task: Task, view: View) -> None:
        kind = f" on {hardware}" if (hardware := self._slots.hardware(task.name)) else ""
        if task.name not in self._waiting:
            view.say(task.name, f"no node can run it{kind}; waiting for one to join")
            self._waiting.add(task.name)
        if not self._at_work and time.monotonic() - self._idle_since > SECONDS_TO_JOIN:
            raise TrainingError(
                f"no node can run {task.name}{kind}, and none has joined for {SECONDS_TO_JOIN / 60:.0f} minutes"
                f"{self.nodes.why_unusable()}. {NEXT_RUN}"
            )

    def end(self, job: "ClusterJob", counts: bool) -> None:
        """Frees the slot of a job that has ended; `counts` says whether it was one of the task's attempts."""
        name = job.task.name
        self._slots.give_back(name, job.node, finished=bool(job.finished))
        self._at_work -= 1
        self._idle_since = time.monotonic()
        if not counts:
            self._attempts[name] -= 1
        if job.is_lost:
            self._lost_on[name].add(job.node)

    def has_another(self, job: "ClusterJob") -> bool:
        """Whether another node is free that can run the job's task and has not failed at it before."""
        return bool(self._slots.free(job.task.name, avoid={job.node, *self._lost_on[job.task.name]}))

    def submit(self, task: Task, node: Node) -> Any:
        """Starts the task on `node`; returns Ray's generator of its events."""
        where = NodeAffinitySchedulingStrategy(node.id, soft=False)
        run = ray.remote(max_calls=1, max_retries=0, num_returns="streaming")(remote.work)
        return run.options(num_cpus=self._cpus, num_gpus=self._gpus, scheduling_strategy=where).remote(self._work(task))

    def _work(self, task: Task) -> Work:
        """What a node needs for the task."""
        shared = str(self._shared) if self._shared else None
        files, tokens = files_for(task, self._params), self._token_files()
        if task.stages[0].startswith(f"{TRIAL}@"):
            tokens = {name: parts for name, parts in tokens.items() if name != (TOKENS / "test.arrow").as_posix()}
        return Work(task.stages, files, tokens, self._environment(), shared)

    def _environment(self) -> dict[str, str]:
        """Variables of the stages on a node."""
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout
        server = os.environ.get("MLFLOW_TRACKING_URI", "").startswith("http")
        forwarded = {name: value for name, value in os.environ.items() if server and name.startswith("MLFLOW_TRACKING")}
        return {
            **(forwarded or {NO_STORE: "true"}),
            ENGINE: f"ray {ray.__version__}",
            "LOKY_MAX_CPU_COUNT": str(self._cpus),  # joblib's; the conditions have it as the number of cores
            COMMIT: commit.strip(),
            WORKING_COPY: working_copy(),
        }

    def _token_files(self) -> dict[str, tuple[str, list[Any]]]:
        """The files of data/tokens and the pretrained weights, by path, where nodes find them.

        They are copied to the shared folder or put into Ray's object store at first use.
        """
        for path, digest in _large_files().items() if not self._tokens else ():
            parts = []
            if self._shared:
                remote.share(path, self._shared, digest)
            else:
                with path.open("rb") as file:
                    parts = [ray.put(part) for part in iter(lambda: file.read(PART), b"")]
            self._tokens[path.as_posix()] = digest, parts
        return self._tokens

    def _group(self, name: str) -> str | None:
        """The group of a training, which has to run on one kind of hardware: all variants of a seed, setting or trial.

        With compare.matching: training_time all trainings form one group.
        """
        if name == REFERENCE or self._any_hardware:
            return None
        return "all" if self._params.compare.matching == "training_time" else name.rpartition("-")[2]


def _large_files() -> dict[Path, str]:
    """The files that trainings read and that do not differ between them, with their checksums."""
    files = {TOKENS / name: digest for name, digest in read_summary()["checksums"].items()}
    pretraining = read_pretraining()
    return files | ({PRETRAINED / WEIGHTS: pretraining["checksum"]} if "checksum" in pretraining else {})


def needs(train: TrainParams, with_gpus: bool) -> tuple[int, int]:
    """The CPUs and GPUs of one training."""
    devices = 1 if train.devices == "auto" else train.devices  # on CPUs; `connected` refuses it on GPUs
    on_gpus = train.accelerator == "gpu" or (train.accelerator == "auto" and with_gpus)
    return devices * train.threads, devices if on_gpus else 0


def _trained_on(stage: str) -> list[str]:
    """The hardware of a finished training, or of all under a listed setting, as far as the measurements say."""
    if stage.startswith("settings@"):
        outcomes = sorted((SETTINGS / stage.partition("@")[2]).glob("*.json"))
    else:
        outcomes = [paths.folder(*training_of(stage)) / "config.json"]
    signatures = [file_io.read_json(path, made_by="train")["signature"] for path in outcomes]
    conditions = [each for key in signatures for each in measurements.read(key).get("training_conditions", [])]
    return [each["processor"] if each["gpu"] == "none" else each["gpu"] for each in conditions]


class ClusterJob(Job):
    """A task on a node. A thread takes over what the node reports.

    Attributes:
        node: where it runs
    """

    def __init__(self, crew: ClusterCrew, task: Task, node: Node, is_last_attempt: bool, view: View) -> None:
        super().__init__(task)
        self.node = node
        self._crew, self._view, self._is_last_attempt = crew, view, is_last_attempt
        self._has_arrived = False
        self._events: SimpleQueue[Event] = SimpleQueue()
        self.output, self._signal = os.pipe()
        self._signalling = threading.Lock()  # nothing is written once the pipe is closed
        for end in (self.output, self._signal):
            os.set_blocking(end, False)
        self._generator = crew.submit(task, node)
        threading.Thread(target=self._follow, daemon=True).start()
        self._tell_after(SECONDS_TO_START, Event("late"))

    def advance(self) -> None:
        """Shows and writes what the node has reported."""
        with suppress(BlockingIOError):
            os.read(self.output, 1 << 16)
        while not self.ended and not self._events.empty():
            self._take_over(self._events.get())

    def stop(self) -> None:
        """Asks the node to shut the task down cleanly, and gives up after SECONDS_TO_ANSWER."""
        ray.cancel(self._generator, force=False)
        self._tell_after(SECONDS_TO_ANSWER, Event("over"))

    def _take_over(self, event: Event) -> None:
        match event.kind:
            case "arrived":
                self._has_arrived = True
            case "began":
                self._view.begin(self.task.name, event.text)
            case "line":
                self._view.say(self.task.name, event.text)
            case "finished":
                write_outputs(event.outputs)
                self.finished.append(event.text)
            case "failed":
                self.failure = event.text
            case "lost":
                self._lose(f"{self.node.address}: {event.text}")
            case "full":
                self._lose(f"the disk of {self.node.address} is full: {event.text}")
                self._crew.nodes.exclude(self.node, "has a full disk", for_good=True)
            case "dead":
                self._lose(f"the node {self.node.address} has died")
                self._crew.nodes.exclude(self.node, "has died", for_good=False)
            case "late" if not self._has_arrived:
                self._move()
            case "over":
                self._end()

    def _lose(self, reason: str) -> None:
        """Has the task started again, unless this was its last attempt."""
        if self._is_last_attempt:
            self.failure = f"failed {ATTEMPTS} times, at last: {reason}"
        else:
            self.is_lost = True
            self._view.say(self.task.name, f"{reason}; it starts again")

    def _move(self) -> None:
        """Has the task started on another node, if one is free: another program may occupy the CPUs of this one."""
        reason = f"has not started a task for {SECONDS_TO_START:.0f} s"
        if not self._crew.has_another(self):
            self._view.say(self.task.name, f"{self.node.address} {reason}; no other node is free")
            self._tell_after(SECONDS_TO_START, Event("late"))
            return
        ray.cancel(self._generator, force=False)
        self.is_lost = True
        self._crew.nodes.exclude(self.node, reason, for_good=False)
        self._end(counts=False)

    def _end(self, counts: bool = True) -> None:
        with self._signalling:
            self.ended = True
            os.close(self._signal)
            os.close(self.output)
        self._crew.end(self, counts)

    def _follow(self) -> None:
        """Receives the events, in a thread; the last one is `over`, whatever Ray raises."""
        try:
            for reference in self._generator:
                self._tell(ray.get(reference))
        except ray.exceptions.TaskCancelledError:
            self._tell(Event("failed", "stopped"))
        except DEAD:
            self._tell(Event("dead"))
        except Exception as error:  # not the stage's, which ends in an event
            self._tell(Event("lost", one_line(error)))
        self._tell(Event("over"))

    def _tell(self, event: Event) -> None:
        with self._signalling, suppress(BlockingIOError):  # the pipe is full: `advance` is going to be called
            if not self.ended:
                self._events.put(event)
                os.write(self._signal, b".")

    def _tell_after(self, seconds: float, event: Event) -> None:
        timer = threading.Timer(seconds, self._tell, [event])
        timer.daemon = True
        timer.start()


def write_outputs(outputs: Mapping[str, bytes]) -> None:
    """Writes a node's outputs to the same paths in the project's folder; measurements are merged with existing ones.

    Raises:
        DataError: the disk refuses.
    """
    for name, content in outputs.items():
        path = Path(name)
        if path.parts[0] == "measurements":
            measurements.add(path.stem, **json.loads(content))
        else:
            with file_io.whole(path) as temporary:
                temporary.write_bytes(content)
