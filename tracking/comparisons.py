"""Which trainings a comparison used, and where MLflow's pages show them.

A training belongs to every comparison that used it, but MLflow knows one parent for each run. So a comparison records
its trainings itself: a tag `training.<signature>` for each, with the id of its run. All links are made from these tags.
In MLflow's list, a training stands below the first comparison that used it, and stays there. References (the simple
models beside the variants) are treated as trainings.
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from mlflow.entities import LifecycleStage
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tracking.client import DESCRIPTION
from tracking.run import NOTE, PARENT, SIGNATURE, Run
from tracking.store import open_experiment

TRAINING = "training."
VIEW = "workflowType=machine_learning"  # in an address; MLflow's pages are about language models otherwise
LONGEST = 8000  # characters that MLflow takes for a run's description
MOST = 50_000  # runs that MLflow returns at once
ELSEWHERE = "MLflow lists each training once, below the first comparison that used it: "


def link(run: Run, experiment_id: str, name: str, signature: str, trainings: Mapping[str, str], note: str) -> None:
    """Records in the comparison `run` which runs its `trainings` are (ids by signature), and makes them its children.

    Those that another comparison has keep that parent, unless it is gone or an earlier run of this very comparison.
    """
    client, adopted = run.client, []
    for training in trainings.values():
        if _is_free(client, training, run.run_id, signature):
            Run(client, training).set_tags({PARENT: run.run_id})
            adopted.append(training)
    if others := len(trainings) - len(adopted):
        note = f"{ELSEWHERE}{others} of the {len(trainings)} trainings stand below another one.\n\n{note}"
    tags = {f"{TRAINING}{training}": run_id for training, run_id in trainings.items()}
    described = _described(compare_page(experiment_id, list(trainings.values())), name, note)
    if len(described) > LONGEST:  # so many trainings that their ids do not fit
        described = _described(f"experiments/{experiment_id}/runs?{VIEW}", name, note)[:LONGEST]
    run.set_tags({**tags, NOTE: described})
    # The experiment's page shows the first line, and the rest when it is asked to.
    client.set_experiment_tag(experiment_id, NOTE, f"{described}\n\n{DESCRIPTION}")


def relink(experiment: str, signature: str, trainings: Sequence[str]) -> None:
    """After runs were rebuilt: has every comparison know the present run of each training that it used.

    `trainings` (signatures) are those of the comparison `signature`, which may not have recorded them.
    """
    client, experiment_id = open_experiment(experiment)
    newest = ["attributes.start_time DESC"]
    finished = "tags.kind != 'comparison' and attributes.status = 'FINISHED'"  # trainings and references
    present: dict[str, str] = {}
    for found in client.search_runs([experiment_id], finished, max_results=MOST, order_by=newest):
        present.setdefault(found.data.tags.get(SIGNATURE, ""), found.info.run_id)
    compared = client.search_runs([experiment_id], "tags.kind = 'comparison'", max_results=MOST, order_by=newest)
    for found in reversed(compared):  # so that the experiment's description is that of the newest
        tags, recorded = found.data.tags, _recorded(found)
        own = tags.get(SIGNATURE, "")
        known = recorded or dict.fromkeys(trainings if own == signature else (), "")
        wanted = {training: present.get(training, run_id) for training, run_id in known.items()}
        if wanted != recorded or found is compared[0]:
            run = Run(client, found.info.run_id)
            link(run, experiment_id, str(found.info.run_name), own, wanted, _verdict(tags.get(NOTE, "")))


def latest_comparison(experiment: str) -> tuple[str, list[str]]:
    """The experiment's id, and the ids of the trainings of its newest comparison, by name."""
    client, experiment_id = open_experiment(experiment)
    order = ["attributes.start_time DESC"]
    compared = client.search_runs([experiment_id], "tags.kind = 'comparison'", order_by=order, max_results=1)
    if not compared:
        return experiment_id, []
    found = [run for run_id in _recorded(compared[0]).values() if (run := _active(client, run_id))]
    if not found:  # of a comparison that recorded nothing yet
        found = list(client.search_runs([experiment_id], f"tags.`{PARENT}` = '{compared[0].info.run_id}'"))
    return experiment_id, [run.info.run_id for run in sorted(found, key=lambda run: str(run.info.run_name))]


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Where MLflow's pages show these runs side by side."""
    chosen = f"runs={quote(json.dumps(run_ids))}&experiments={quote(json.dumps([experiment_id]))}"
    return f"compare-runs?{chosen}&{VIEW}"


def _recorded(comparison: MlflowRun) -> dict[str, str]:
    """The trainings that a comparison used, as it has recorded them: run ids by signature."""
    tags = comparison.data.tags
    return {name.removeprefix(TRAINING): tags[name] for name in sorted(tags) if name.startswith(TRAINING)}


def _is_free(client: MlflowClient, training: str, comparison: str, signature: str) -> bool:
    """Whether the comparison may be the parent of the run `training`; it may if MLflow cannot be asked."""
    try:
        parent = client.get_run(training).data.tags.get(PARENT, comparison)
    except MlflowException:
        return True
    other = _active(client, parent)
    return other is None or other.data.tags.get(SIGNATURE) == signature


def _active(client: MlflowClient, run_id: str) -> MlflowRun | None:
    """The run, unless it was deleted or never was in this store."""
    try:
        run = client.get_run(run_id)
    except MlflowException:
        return None
    return run if run.info.lifecycle_stage == LifecycleStage.ACTIVE else None


def _described(page: str, name: str, note: str) -> str:
    return f"[{name}: the trainings side by side](#/{page})\n\n{note}"


def _verdict(described: str) -> str:
    """A comparison's description without the paragraphs that `link` puts before it."""
    paragraphs = described.split("\n\n")
    while paragraphs and paragraphs[0].startswith(("[", ELSEWHERE)):
        del paragraphs[0]
    return "\n\n".join(paragraphs)
