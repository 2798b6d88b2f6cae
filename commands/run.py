"""The whole pipeline, with several trainings at the same time. `python -m commands.run`, or `make run`.

`dvc repro` runs one stage after another. This command has DVC run all stages but trainings, evaluations and references,
runs those that are due in worker processes or on a Ray cluster, and records each as it finishes. If something is left,
a plain `dvc repro` does it. Outputs, cache and dvc.lock are those of `dvc repro` alone.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from config.params import Params, load
from core import command_line
from core.errors import TrainingError
from core.paths import CODE
from core.repository import repository_root
from engine import dvc
from engine.grid import Grid
from engine.local import LocalCrew
from engine.lock import only_one
from engine.recording import Recorder
from engine.rooms import Room, share_out
from engine.stages import COMPARE, KINDS, Task, due_tasks, order, tasks, trial_tasks
from engine.view import View
from engine.workers import preload
from provenance import code_lists
from tracking import notes


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--workers", type=int, help="trainings at the same time (default: as many as there is room)")
    command_line.run(lambda chosen: run_pipeline(load(), chosen), arguments)


def run_pipeline(params: Params, chosen: argparse.Namespace) -> None:
    """Runs whatever is not done yet; where something is left, `dvc repro` replaces this process (exec).

    Raises:
        TrainingError: a stage failed; if it was a training, all others were run.
    """
    with only_one():
        if code_changed(params):  # DVC itself looks neither at libraries nor at files outside the project
            dvc.repro("--force", "--single-item", "check")
        complete = run_stages(params, chosen.workers)
    if complete:
        print("All stages are up to date.")
        return
    load()  # an edit that broke params.yaml ends in its line, rather than in one of DVC's
    sys.stdout.flush()
    os.execv(sys.executable, [*dvc.DVC, "repro"])


def run_stages(params: Params, workers: int | None) -> bool:
    """Runs all stages, if some can run at the same time; returns whether the whole pipeline is up to date.

    Raises:
        TrainingError: names the trainings, evaluations or references that failed, or another stage.
    """
    if len(share_out(params.train, len(tasks(params)), workers)) < 2:
        complete_runs(params, nothing_due=False)
        return False
    before = dvc.LOCK_FILE.read_text(encoding="utf-8") if dvc.LOCK_FILE.exists() else ""
    left_out = [*KINDS, "tune"] if params.compare.tuning.trials else KINDS
    due, complete = dvc.reproduce_others(left_out, at_first_stage=lambda: preload(params))
    if searches := [stage for stage in due if stage.startswith("tune@")]:
        run_trials(params, searches, workers)
        due, complete = dvc.reproduce_others(KINDS, at_first_stage=lambda: None)
    complete_runs(params, nothing_due=complete)
    tasks_due = due_tasks(params, due)
    rooms = share_out(params.train, len(tasks_due), workers)
    if len(rooms) < 2:
        return complete
    last = Task(COMPARE, (COMPARE,))
    stages = [stage for task in (*tasks_due, last) for stage in task.stages]
    with View([task.name for task in (*tasks_due, last)]) as view:
        recorder = Recorder(stages, params, view.say)
        here = LocalCrew([Room([], [])], params)
        grid = Grid(LocalCrew(rooms, params), tasks_due, (here, last), recorder, view)
        try:
            grid.run()
        finally:
            dvc.sort_lock_file(before, order(params))
    if grid.failed:
        raise TrainingError(f"failed: {', '.join(grid.failed)}; the lines above say why")
    return recorder.recorded.issuperset(stages)


def run_trials(params: Params, searches: Sequence[str], workers: int | None) -> None:
    """Runs the trials of the `searches` that are not done; their stages then gather what came out.

    Raises:
        TrainingError: names the trials that failed, not by their settings, but by a mistake.
    """
    trials = trial_tasks(params, searches)
    rooms = share_out(params.train, len(trials), workers)
    with View([task.name for task in trials]) as view:
        grid = Grid(LocalCrew(rooms, params), trials, None, Recorder([], params, view.say), view)
        grid.run()
    if grid.failed:
        raise TrainingError(f"failed: {', '.join(grid.failed)}; the lines above say why")


def code_changed(params: Params) -> bool:
    """Whether a source file, a library or a file that params.yaml names has changed since the stage check ran."""
    if not CODE.exists():
        return False
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
