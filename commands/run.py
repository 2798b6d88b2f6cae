"""The whole pipeline, with the trainings of the grid at the same time. `python -m commands.run`.

`dvc repro` runs one stage after another. Here DVC itself runs several times at once: each run trains and evaluates one
variant with one seed, or makes the references, on cores or GPUs of its own. What all trainings need is loaded once
(engine/preloaded.py). A plain `dvc repro` at the end does the rest. Outputs, cache and dvc.lock are those of `dvc
repro` alone.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import NamedTuple

from joblib import cpu_count

from config.params import Params, load
from config.train import TrainParams
from core import command_line, file_io, paths
from core.errors import TrainingError, UserError
from core.repository import repository_root
from engine.preloaded import preloaded
from outputs.conditions import TRAININGS_AT_ONCE
from provenance import code_lists
from tracking import writers

REFERENCE = "reference"  # the stage
LOCK_FILE = Path("dvc.lock")
BINDING = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}
MENDS = {  # what DVC says of a folder that it cannot work in, and what to do; an archive of the repository is one
    "is not a git repository": "is no git repository, which DVC needs: git init",
    "not inside of a DVC repository": "has no folder .dvc, which DVC needs: dvc init",
}
DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]  # for another DVC that reads or writes dvc.lock


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--workers", type=int, help="trainings at the same time (default: as many as there is room)")
    command_line.run(lambda namespace: run_pipeline(load(), namespace.workers), arguments)


def run_pipeline(params: Params, workers: int | None) -> None:
    """Runs whatever is not done yet; in the end this process becomes `dvc repro`.

    Raises:
        TrainingError: a stage failed; all others of the grid were run.
    """
    close_abandoned_runs(params)
    trainings = [f"{variant}-{seed}" for variant in params.compare.variants for seed in params.compare.seeds]
    names = [REFERENCE, *trainings]
    targets = [*(f"{stage}@{name}" for stage in ("train", "evaluate") for name in trainings), REFERENCE]
    with Processes() as processes:
        # Only this stage looks at libraries and files outside the project, and DVC may see no reason to run it.
        if unseen_changed(params) and processes.run([*DVC, "repro", "--force", "--single-item", "check"]):
            raise TrainingError("the stage check failed; the lines above say why")
    if waiting := changed() - {"compare"}:
        data = waiting - set(targets)  # the stages before the trainings, after which all may have to be trained
        names = names if data else still_to_do(names, waiting)
        rooms = share_out(params.train, len(names), workers)
        with ExitStack() as stack:
            environment = stack.enter_context(preloaded()) if can_be_copies(params.train, rooms) else {}
            if data:
                with Processes() as processes:
                    if processes.run([*DVC, "repro", "match"]):
                        raise TrainingError("a stage before the trainings failed; the lines above say why")
                names = still_to_do(names, changed())
                rooms = share_out(params.train, len(names), workers)
            if len(rooms) > 1:
                before = LOCK_FILE.read_text(encoding="utf-8")
                failed = run_grid(names, rooms, environment)
                sort_lock_file(before, targets)
                if failed:
                    raise TrainingError(f"failed: {', '.join(sorted(failed))}; the lines above say why")
    sys.stdout.flush()
    os.execv(sys.executable, [*DVC, "repro"])


def unseen_changed(params: Params) -> bool:
    """Whether something that DVC does not see has changed since the stage check ran: provenance/code_lists.py."""
    paths = {paths.CODE / f"{stage}.sha256": text for stage, text in code_lists.lists(params).items()}
    return any(path.exists() and path.read_text(encoding="utf-8") != text for path, text in paths.items())


def close_abandoned_runs(params: Params) -> None:
    """Ends MLflow runs that killed processes have left RUNNING: no stage does where DVC has all outputs already."""
    if writers.noted(repository_root()):
        from tracking.store import open_experiment  # slow to import

        open_experiment(params.tracking.experiment)


def changed() -> set[str]:
    """The stages that DVC would look at again.

    Raises:
        UserError: DVC cannot tell.
    """
    status = subprocess.run([*DVC, "status", "--json"], capture_output=True, text=True, check=False)
    if status.returncode:
        for problem, mend in MENDS.items():
            if problem in status.stderr:
                raise UserError(f"{Path.cwd()} {mend}")
    print(status.stderr, end="", file=sys.stderr)
    if status.returncode:
        raise UserError("dvc status failed; the lines above say why")
    return set(json.loads(status.stdout))


def still_to_do(names: Sequence[str], waiting: set[str]) -> list[str]:
    """Those of `names` that have stages among `waiting`."""
    return [name for name in names if waiting.intersection(stages_of(name))]


def stages_of(name: str) -> list[str]:
    """What is run for one name of the grid: a training (variant-seed), or the references."""
    return [REFERENCE] if name == REFERENCE else [f"train@{name}", f"evaluate@{name}"]


class Room(NamedTuple):
    """What a worker has to itself: CPU cores (none: all of them), and GPUs."""

    cores: list[int]
    gpus: list[str]


def share_out(train: TrainParams, trainings: int, workers: int | None) -> list[Room]:
    """Rooms for so many trainings at the same time; by default as many as the machine has cores or GPUs for.

    All have the same number of cores, or the costs of their trainings could not be compared; some may be left over.
    """
    if train.num_nodes > 1:
        return []  # the nodes are started together, by hand
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    cores = cores[: cpu_count()]  # which knows of a container's limits, too
    gpus = _gpus() if train.accelerator != "cpu" else []
    most = len(gpus) // train.devices if gpus else len(cores) // (train.devices * train.threads)
    count = min(trainings, workers or most) if most else 0
    if not hasattr(os, "sched_setaffinity") or count > len(cores):
        cores = []
    width = len(cores) // count if count else 0
    groups = [gpus[start : start + train.devices] for start in range(0, most * train.devices, train.devices)]
    return [
        Room(cores[part * width : (part + 1) * width], groups[part % most] if gpus else []) for part in range(count)
    ]


def can_be_copies(train: TrainParams, rooms: Sequence[Room]) -> bool:
    """Whether stages can be copies of one process.

    They cannot where Lightning starts more of them, and where OpenMP's threads are bound to cores, which happens when
    it is loaded. With CUDA it has not been tried.
    """
    alike = train.devices == 1 and len(rooms) > 1 and not any(room.gpus for room in rooms)
    return sys.platform == "linux" and alike and not BINDING.intersection(os.environ)


def _gpus() -> list[str]:
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in chosen.split(",") if name]
    import torch  # which takes a second, and knows nothing else of interest here

    return [str(number) for number in range(torch.cuda.device_count())]


def run_grid(names: Sequence[str], rooms: Sequence[Room], environment: Mapping[str, str]) -> list[str]:
    """Runs the stages of `names`, one name in each of the `rooms` at a time; returns those that failed."""
    queue: SimpleQueue[str] = SimpleQueue()
    for name in names:
        queue.put(name)
    width = max(map(len, names))

    def work(room: Room) -> list[str]:
        if room.cores:
            os.sched_setaffinity(0, room.cores)  # of this thread and of the processes that it starts
        own = {TRAININGS_AT_ONCE: str(len(rooms))}
        if room.gpus:
            own["CUDA_VISIBLE_DEVICES"] = ",".join(room.gpus)
        failed: list[str] = []
        while True:
            try:
                name = queue.get_nowait()
            except Empty:
                return failed
            command = [*DVC, "repro", "--single-item", *stages_of(name)]
            if processes.run(command, f"{name:{width}} │ ", {**environment, **own}):
                failed.append(name)

    # From right to left at the end: first the processes are told to stop, then the threads are waited for.
    with ThreadPoolExecutor(len(rooms)) as pool, Processes() as processes:
        return [name for failed in pool.map(work, rooms) for name in failed]


class Processes:
    """Processes to which Ctrl-C and SIGTERM are passed on as long as the context is open.

    Each has a session of its own, since DVC and the stage under it must hear of Ctrl-C exactly once, whether it comes
    from a terminal or not.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped: int | None = None

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            with self._lock:
                self._stopped = signal.SIGTERM if isinstance(error, command_line.Terminated) else signal.SIGINT
                for process in self._running:
                    os.killpg(process.pid, self._stopped)
            for process in list(self._running):
                process.wait()

    def run(self, command: Sequence[str], prefix: str = "", environment: dict[str, str] | None = None) -> int:
        """The exit code of `command`; what it prints is shown with `prefix` before each line."""
        with self._lock:
            if self._stopped is not None:
                return 128 + self._stopped
            process = subprocess.Popen(
                command,
                env=os.environ | (environment or {}),
                stdout=subprocess.PIPE if prefix else None,
                stderr=subprocess.STDOUT if prefix else None,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
        for line in process.stdout or ():
            if line.strip():
                print(prefix + line.rstrip("\n"), flush=True)
        code = process.wait()
        with self._lock:
            self._running.remove(process)
        return code


def sort_lock_file(before: str, targets: Sequence[str]) -> None:
    """Puts the entries that were added to dvc.lock since `before` into the order of `targets`, as `dvc repro` would.

    DVC appends an entry when its stage ends, and in a grid that is a matter of chance.
    """
    order = {name: number for number, name in enumerate(targets)}
    known = set(_entries(before))
    text = LOCK_FILE.read_text(encoding="utf-8")
    entries = _entries(text)
    added = sorted(entries.keys() - known, key=lambda name: order.get(name, len(order)))
    head = text[: len(text) - sum(map(len, entries.values()))]
    kept = [name for name in entries if name in known]
    with file_io.whole(LOCK_FILE) as path:
        path.write_text(head + "".join(entries[name] for name in [*kept, *added]), encoding="utf-8")


def _entries(text: str) -> dict[str, str]:
    """The stages of a lock file with their lines, in their order."""
    _, *blocks = re.split(r"^(?=  \S)", text, flags=re.MULTILINE)
    return {block[: block.index(":\n")].strip(): block for block in blocks}


if __name__ == "__main__":
    main()
