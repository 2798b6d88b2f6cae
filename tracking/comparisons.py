"""Which trainings a comparison used, and where MLflow's pages show them.

A training belongs to every comparison that used it, but an MLflow run has only one parent. So a comparison has a tag
`training.<signature>` for each training, with the id of the training's run. All links are made from these tags. In
MLflow's list, a training appears below the first comparison that used it, and stays there. References (the simple
models beside the variants) are treated like trainings.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import quote

from mlflow.entities import LifecycleStage
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tracking.connection import DESCRIPTION, Connection
from tracking.run import NOTE, PARENT, SIGNATURE, Run
from tracking.views import MACHINE_LEARNING, addresses

TRAINING = "training."
LONGEST = 8000  # characters that MLflow takes for a run's description
MOST = 50_000  # runs that MLflow returns at once
ELSEWHERE = "MLflow lists each training once, below the first comparison that used it: "


def link(run: Run, name: str, signature: str, trainings: Mapping[str, str], note: str) -> None:
    """Records the runs of the `trainings` (run ids by signature) in the comparison `run`, and makes them its children.

    A training that has another comparison as its parent keeps that parent, unless the parent was deleted or is an
    earlier run of the same comparison.
    """
    mlflow, adopted = run.mlflow, 0
    for training in trainings.values():
        if mlflow.call(partial(_is_free, training=training, comparison=run.run_id, signature=signature)):
            Run(mlflow, training).set_tags({PARENT: run.run_id})
            adopted += 1
    if others := len(trainings) - adopted:
        note = f"{ELSEWHERE}{others} of the {len(trainings)} trainings are listed below another one.\n\n{note}"
    tags = {f"{TRAINING}{training}": run_id for training, run_id in trainings.items()}
    description = _description(compare_page(mlflow.experiment_id, list(trainings.values())), name, note)
    if len(description) > LONGEST:  # the ids of all trainings do not fit
        description = _description(f"experiments/{mlflow.experiment_id}/runs?{MACHINE_LEARNING}", name, note)[:LONGEST]
    run.set_tags({**tags, NOTE: description})
    searched = bool(mlflow.search("tags.kind = 'tuning'"))
    # The experiment's page shows the first line, and the rest on request.
    views = " · ".join(f"[{name}](#/{page})" for name, page in addresses(mlflow.experiment_id, searched).items())
    page = f"{description}\n\nViews: {views}\n\n{DESCRIPTION}"
    mlflow.call(lambda client: client.set_experiment_tag(mlflow.experiment_id, NOTE, page))


def relink(mlflow: Connection, signature: str, trainings: Sequence[str]) -> None:
    """Records the current run of each training in every comparison that used it; call it after runs were rebuilt.

    `trainings` are the signatures of the trainings in the comparison `signature`, which may not have recorded them.
    """
    present: dict[str, str] = {}
    for known in mlflow.search("tags.kind != 'comparison' and attributes.status = 'FINISHED'", MOST):
        present.setdefault(known.data.tags.get(SIGNATURE, ""), known.info.run_id)
    comparisons = mlflow.search("tags.kind = 'comparison'", MOST)
    for comparison in reversed(comparisons):  # so that the experiment's description is that of the newest
        tags, recorded = comparison.data.tags, _recorded(comparison)
        own = tags.get(SIGNATURE, "")
        used = recorded or dict.fromkeys(trainings if own == signature else (), "")
        current = {training: latest for training, run_id in used.items() if (latest := present.get(training, run_id))}
        if current != recorded or comparison is comparisons[0]:
            run = Run(mlflow, comparison.info.run_id)
            link(run, str(comparison.info.run_name), own, current, _verdict(tags.get(NOTE, "")))


def latest_trainings(mlflow: Connection) -> list[str]:
    """The ids of the trainings of the newest comparison, by name; empty without a comparison."""
    runs: list[MlflowRun] = []
    if comparisons := mlflow.search("tags.kind = 'comparison'"):
        used = [mlflow.call(partial(_active, run_id=run_id)) for run_id in _recorded(comparisons[0]).values()]
        runs = [run for run in used if run is not None]
        if not runs:  # of a comparison that recorded nothing yet
            runs = mlflow.search(f"tags.`{PARENT}` = '{comparisons[0].info.run_id}'", MOST)
    return [run.info.run_id for run in sorted(runs, key=lambda run: str(run.info.run_name))]


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Where MLflow's pages show these runs side by side."""
    chosen = f"runs={quote(json.dumps(run_ids))}&experiments={quote(json.dumps([experiment_id]))}"
    return f"compare-runs?{chosen}&{MACHINE_LEARNING}"


def _recorded(comparison: MlflowRun) -> dict[str, str]:
    """The trainings that a comparison used, as it has recorded them: run ids by signature."""
    tags = comparison.data.tags
    return {name.removeprefix(TRAINING): tags[name] for name in sorted(tags) if name.startswith(TRAINING)}


def _is_free(client: MlflowClient, training: str, comparison: str, signature: str) -> bool:
    """Whether the comparison may become the parent of the run `training`."""
    child = _active(client, training)
    if child is None:
        return False
    parent = _active(client, child.data.tags.get(PARENT, comparison))
    return parent is None or parent.data.tags.get(SIGNATURE) == signature


def _active(client: MlflowClient, run_id: str) -> MlflowRun | None:
    """The run, unless it was deleted or never was in this store."""
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # or it is no id
            return None
        raise
    return run if run.info.lifecycle_stage == LifecycleStage.ACTIVE else None


def _description(page: str, name: str, note: str) -> str:
    return f"[{name}: the trainings side by side](#/{page})\n\n{note}"


def _verdict(description: str) -> str:
    """A comparison's description without the paragraphs that `link` puts before it."""
    paragraphs = description.split("\n\n")
    while paragraphs and paragraphs[0].startswith(("[", ELSEWHERE)):
        del paragraphs[0]
    return "\n\n".join(paragraphs)
