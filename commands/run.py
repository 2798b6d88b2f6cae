"""The whole pipeline, with several trainings at the same time. `python -m commands.run`, or `make run`.

`dvc repro` runs one stage after another. This command asks DVC which trainings, evaluations and references are due,
runs them in worker processes, and records each as it finishes. A plain `dvc repro` at the end does the rest. Outputs,
cache and dvc.lock are those of `dvc repro` alone.
"""

import os
import sys
from collections.abc import Collection, Sequence

from config.params import Params, load
from core import command_line
from core.errors import TrainingError
from core.paths import CODE
from core.repository import repository_root
from engine import compiling, dvc
from engine.grid import run_grid
from engine.lock import only_one
from engine.rooms import share_out
from engine.stages import REFERENCE, Task, tasks
from engine.workers import preload
from provenance import code_lists
from tracking import notes

BEFORE = ["check", "download", "tokenize", "match"]  # the stages that trainings depend on


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--workers", type=int, help="trainings at the same time (default: as many as there is room)")
    command_line.run(lambda namespace: run_pipeline(load(), namespace.workers), arguments)


def run_pipeline(params: Params, workers: int | None) -> None:
    """Runs whatever is not done yet; in the end `dvc repro` replaces this process (exec).

    Raises:
        TrainingError: a stage failed; if it was a training, all others were run.
    """
    with only_one():
        if code_changed(params):  # DVC itself looks neither at libraries nor at files outside the project
            dvc.repro("--force", "--single-item", "check")
        changed = dvc.changed()
        complete_runs(params, nothing_due=not changed)
        run_trainings(params, changed, workers)
    sys.stdout.flush()
    os.execv(sys.executable, [*dvc.DVC, "repro"])


def run_trainings(params: Params, changed: Collection[str], workers: int | None) -> None:
    """Runs the trainings, evaluations and references that are due among the `changed` stages.

    Raises:
        TrainingError: names those that failed.
    """
    every = tasks(params)
    stages = [stage for task in every for stage in task.stages]
    if set(changed).isdisjoint([*BEFORE, *stages]):
        return
    preload(params)
    compilation = compiling.in_background(params)
    if not set(changed).isdisjoint(BEFORE):
        dvc.repro(BEFORE[-1])
        changed = dvc.changed()
    due = still_to_do(every, changed)
    compilation.join()
    rooms = share_out(params.train, len(due), workers)
    if len(rooms) < 2:
        return  # nothing can run at the same time
    before = dvc.LOCK_FILE.read_text(encoding="utf-8")
    try:
        failed = run_grid(due, rooms, params)
    finally:
        dvc.sort_lock_file(before, in_order_of_dvc_yaml(stages))
    if failed:
        raise TrainingError(f"failed: {', '.join(failed)}; the lines above say why")


def still_to_do(every: Sequence[Task], changed: Collection[str]) -> list[Task]:
    """The tasks with the stages that have to be run, after DVC has restored what it has in its run-cache."""
    due_first = dvc.restore([task.stages[0] for task in every if task.stages[0] in changed])
    # What an evaluation reads exists now, unless its training has to be run.
    others = [stage for task in every if task.stages[0] not in due_first for stage in task.stages[1:]]
    due_evaluations = dvc.restore([stage for stage in others if stage in changed])
    reduced = [task if task.stages[0] in due_first else task.reduced_to(due_evaluations) for task in every]
    return [task for task in reduced if task.stages]


def in_order_of_dvc_yaml(stages: Sequence[str]) -> list[str]:
    """All trainings, then all evaluations, then the references."""
    return sorted(stages, key=lambda stage: ("train", "evaluate", REFERENCE).index(stage.partition("@")[0]))


def code_changed(params: Params) -> bool:
    """Whether a source file, a library or a file that params.yaml names has changed since the stage check ran."""
    lists = {CODE / f"{stage}.sha256": text for stage, text in code_lists.lists(params).items()}
    return any(path.exists() and path.read_text(encoding="utf-8") != text for path, text in lists.items())


def complete_runs(params: Params, nothing_due: bool) -> None:
    """Sends MLflow what it misses, if nothing is due: then no stage will do so.

    Otherwise only ends the runs that killed processes have left RUNNING; the stage compare completes the others.
    """
    root = repository_root()
    if (root / "mlflow.outbox").exists():
        reason = "an earlier version queued calls to MLflow there; make restore sends all from the outputs"
        print(f"mlflow.outbox/ is not used any more: {reason}. Then delete the folder.", file=sys.stderr)
    if notes.exist(root):
        from commands import restore  # slow to import
        from tracking.connection import connect

        with connect(params.tracking.experiment) as mlflow:
            if nothing_due and mlflow.abandoned:
                restore.complete(mlflow, params)


if __name__ == "__main__":
    main()
