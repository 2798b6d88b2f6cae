"""The whole pipeline, with several trainings at the same time. `python -m commands.run`, or `make run`.

`dvc repro` runs one stage after another. This command asks DVC which trainings and evaluations are due, runs them in
worker processes, and records each as it finishes. A plain `dvc repro` at the end does the rest. Outputs, cache and
dvc.lock are those of `dvc repro` alone.
"""

import os
import sys

from config.params import Params, load
from core import command_line
from core.errors import TrainingError
from core.paths import CODE
from core.repository import repository_root
from engine import dvc
from engine.grid import run_grid
from engine.lock import only_one
from engine.rooms import share_out
from engine.stages import tasks
from engine.workers import preload
from provenance import code_lists
from tracking import writers

BEFORE = ["check", "download", "tokenize", "match"]  # the stages that trainings depend on


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
    with only_one():
        if code_changed(params):  # DVC itself looks neither at libraries nor at files outside the project
            dvc.repro("--force", "--single-item", "check")
        run_trainings(params, workers)
    sys.stdout.flush()
    os.execv(sys.executable, [*dvc.DVC, "repro"])


def run_trainings(params: Params, workers: int | None) -> None:
    """Runs the trainings that are due, their evaluations, and the references.

    Raises:
        TrainingError: names those that failed.
    """
    every = tasks(params)
    stages = [stage for task in every for stage in task.stages]
    plan = dvc.plan([*BEFORE, *stages])
    if not {*plan.due, *plan.cached}.isdisjoint(BEFORE):
        preload(params)
        dvc.repro(BEFORE[-1])
        plan = dvc.plan(stages)
    if plan.cached:
        dvc.repro("--single-item", *plan.cached)
        plan = dvc.plan(stages)  # an evaluation's inputs are known only now
    due = [task.reduced_to(plan.due) for task in every if not set(task.stages).isdisjoint(plan.due)]
    rooms = share_out(params.train, len(due), workers)
    if len(rooms) < 2:
        return  # nothing can run at the same time
    before = dvc.LOCK_FILE.read_text(encoding="utf-8")
    try:
        failed = run_grid(due, rooms, params)
    finally:
        dvc.sort_lock_file(before, stages)
    if failed:
        raise TrainingError(f"failed: {', '.join(failed)}; the lines above say why")


def code_changed(params: Params) -> bool:
    """Whether something that DVC does not see has changed since the stage check ran: provenance/code_lists.py."""
    lists = {CODE / f"{stage}.sha256": text for stage, text in code_lists.lists(params).items()}
    return any(path.exists() and path.read_text(encoding="utf-8") != text for path, text in lists.items())


def close_abandoned_runs(params: Params) -> None:
    """Ends MLflow runs that killed processes have left RUNNING: no stage does where DVC has all outputs already."""
    if writers.noted(repository_root()):
        from tracking.store import open_experiment  # slow to import

        open_experiment(params.tracking.experiment)


if __name__ == "__main__":
    main()
