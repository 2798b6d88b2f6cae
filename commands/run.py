"""The whole pipeline, with several trainings at the same time. `python -m commands.run`, or `make run`.

`dvc repro` runs one stage after another. This command has DVC run the stages before the trainings. It then runs the
trials, trainings, evaluations and references that are due in worker processes or on a Ray cluster, then the comparison,
and records each as it finishes. A plain `dvc repro` runs whatever is left. Outputs, cache and dvc.lock are the same as
with `dvc repro` alone.
"""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

from config.params import Params, load
from core import command_line, locks, orphans
from core.errors import ParamsError, TrainingError
from core.paths import CODE
from core.repository import checkpoints_folder, repository_root
from engine import dvc
from engine.cores_and_gpus import Share, share_out
from engine.grid import Crew, Grid
from engine.local import LocalCrew
from engine.recording import Recorder
from engine.tasks import COMPARE, KINDS, TOKENIZE, Task, due_tasks, order, tasks, trial_tasks, without_done
from engine.view import View
from engine.workers import preload
from provenance import code_lists
from tracking import notes


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--workers", type=int, help="trainings at the same time (default: one for each core or GPU)")
    arguments.add_argument(
        "--pull", dest="dvc_options", action="store_const", const=["--pull"], default=[],
        help="take what others have trained from the DVC remote (docs/sharing.md)",
    )  # fmt: skip
    arguments.add_argument("--engine", choices=("local", "ray"), default="local", help="ray: on a cluster")
    arguments.add_argument("--address", help="of the Ray cluster (default: RAY_ADDRESS, or this machine's)")
    arguments.add_argument("--shared", type=Path, help="folder shared by all nodes, for checkpoints and tokens")
    arguments.add_argument(
        "--any-hardware", action="store_true", help="let the variants of one seed run on different hardware"
    )
    command_line.run(lambda chosen: run_pipeline(load(), chosen), arguments)


def run_pipeline(params: Params, chosen: argparse.Namespace) -> None:
    """Runs whatever is out of date, in parallel where possible; `dvc repro` does the rest.

    Raises:
        TrainingError: names the trainings, evaluations or references that failed, after all others have run; or the
            other stage that failed.
        ParamsError: there is no remote to pull from, or no worker to run anything.
    """
    if chosen.workers is not None and chosen.workers < 1:
        raise ParamsError(f"--workers is {chosen.workers}; allowed: 1 or more")
    for_cluster = {"--address": chosen.address, "--shared": chosen.shared, "--any-hardware": chosen.any_hardware}
    given = [option for option, value in for_cluster.items() if value not in (None, False)]
    if chosen.engine == "local" and given:
        raise ParamsError(f"{given[0]} is only for a cluster; allowed: with --engine ray")
    if chosen.engine == "ray" and chosen.workers is not None:
        raise ParamsError("--workers is only for this machine; a cluster runs as many trainings as it has room for")
    if chosen.dvc_options and not dvc.default_remote():
        raise ParamsError("--pull needs a default DVC remote: dvc remote add --default (docs/sharing.md)")
    end_with_make()
    lock_file = checkpoints_folder() / "run.lock"
    waiting = "waiting for another run of this pipeline in the same folder"
    with locks.acquire(lock_file, waiting), dvc.in_order(order(params)):
        dvc.discard_broken_accesses()
        if code_changed(params):  # DVC itself looks neither at libraries nor at files outside the project
            dvc.repro("--force", "--single-item", "check")
        run = run_on_cluster if chosen.engine == "ray" else run_here
        if run(params, chosen):
            print("All stages are up to date.")
            return
        load()  # an edit that broke params.yaml ends in its line, rather than in one of DVC's
        dvc.repro(*chosen.dvc_options)


def end_with_make() -> None:
    """Ends this process if it was started by `make` and `make` is killed."""
    with suppress(psutil.Error):  # another user's process, or one that has just ended
        parent = psutil.Process().parent()
        if parent is not None and parent.name() in ("make", "gmake"):
            orphans.end_with(parent.pid)


def run_here(params: Params, chosen: argparse.Namespace) -> bool:
    """Runs all stages in processes of this machine, if some can run at the same time.

    Returns:
        Whether the whole pipeline is up to date.
    """
    workers, options = chosen.workers, chosen.dvc_options
    if len(share_out(params.train, len(tasks(params)), workers)) < 2:
        complete_runs(params, nothing_due=False)
        return False
    left_out = [*KINDS, "tune"] if params.compare.tuning.trials else KINDS
    due, complete = dvc.reproduce_others(left_out, options, at_first_stage=lambda: preload(params))
    if searches := [stage for stage in due if stage.startswith("tune@")]:
        trials = trial_tasks(params, searches)
        run_trials(params, trials, LocalCrew(share_out(params.train, len(trials), workers), params))
        due, complete = dvc.reproduce_others(KINDS, options)
    complete_runs(params, nothing_due=complete)
    tasks_due = due_tasks(params, due)
    shares = share_out(params.train, len(tasks_due), workers)
    if len(shares) < 2:
        return complete
    return run_tasks(params, tasks_due, LocalCrew(shares, params))


def run_on_cluster(params: Params, chosen: argparse.Namespace) -> bool:
    """As `run_here`, on a Ray cluster.

    Raises:
        ParamsError: Ray is not installed, or no cluster can be used.
    """
    if find_spec("ray") is None:
        raise ParamsError("--engine ray needs Ray, which is not installed: pip install -r requirements-ray.txt")
    left_out = [*KINDS, "tune"] if params.compare.tuning.trials else KINDS
    due, complete = dvc.reproduce_others((TOKENIZE, *left_out), chosen.dvc_options)
    complete_runs(params, nothing_due=complete)
    if not due:
        return complete
    from engine import cluster, ray_connection  # they import Ray

    with ray_connection.connected(params, chosen.address):
        if TOKENIZE in due:
            from engine.tokenizing import tokenize  # imports Ray

            tokenize(params)
            due, complete = dvc.reproduce_others(left_out, chosen.dvc_options)
        shared = chosen.shared.resolve() if chosen.shared else None
        if searches := [stage for stage in due if stage.startswith("tune@")]:
            if trials := without_done(params, trial_tasks(params, searches)):
                run_trials(params, trials, cluster.ClusterCrew(params, shared, chosen.any_hardware, []))
            due, complete = dvc.reproduce_others(KINDS, chosen.dvc_options)
        if not due:
            return complete
        tasks_due = due_tasks(params, due)
        trainings = [task.stages[0] for task in tasks(params)[1:]]
        finished = [stage for stage in trainings if stage not in due]
        crew = cluster.ClusterCrew(params, shared, chosen.any_hardware, finished)
        return run_tasks(params, tasks_due, crew, shared)


def run_tasks(params: Params, tasks_due: Sequence[Task], crew: Crew, root: Path | None = None) -> bool:
    """Runs `tasks_due` and the comparison, and records them; returns whether all of them were recorded.

    Args:
        params: those of the run
        tasks_due: the tasks to run
        crew: runs the tasks
        root: the folder that holds the trainings' checkpoints/; None: the repository

    Raises:
        TrainingError: names the tasks that failed.
    """
    last = Task(COMPARE, (COMPARE,))
    stages = [stage for task in (*tasks_due, last) for stage in task.stages]
    with View([task.name for task in (*tasks_due, last)]) as view:
        recorder = Recorder(stages, params, view.say, root)
        grid = Grid(crew, tasks_due, (LocalCrew([Share([], [])], params), last), recorder, view)
        grid.run()
    if grid.failed:
        raise TrainingError(f"failed: {', '.join(grid.failed)}; the lines above say why")
    return recorder.recorded.issuperset(stages)


def run_trials(params: Params, trials: Sequence[Task], crew: Crew) -> None:
    """Runs `trials`; the stages tune then collect the results.

    Raises:
        TrainingError: names the trials that failed for a reason other than their setting.
    """
    with View([task.name for task in trials]) as view:
        grid = Grid(crew, trials, None, Recorder([], params, view.say), view)
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
    """Sends MLflow what it lacks, if nothing is due, since then no stage will do so.

    Otherwise only ends the runs that killed processes have left RUNNING; the stage compare completes the others.
    """
    if notes.exist(repository_root()):
        from commands import restore  # slow to import
        from tracking.connection import connect

        with connect(params.tracking.experiment) as mlflow:
            if nothing_due and mlflow.abandoned:
                restore.complete(mlflow, params)


if __name__ == "__main__":
    main()
