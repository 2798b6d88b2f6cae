"""MLflow runs: one for each execution of a training, to which its evaluation adds; one for each reference; one parent
for each comparison.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mlflow.entities import RunStatus
from mlflow.exceptions import MlflowException

from core.repository import working_copy
from tracking import comparisons, writers
from tracking.client import WAITING_EXPERIMENT, OutboxClient
from tracking.run import NOTE, SIGNATURE, Run
from tracking.store import open_experiment

WORKING_COPY = "working_copy"  # of two that share a store, neither takes up the other's runs
SURROUNDINGS = ("mlflow.source.git.commit", "git_commit", "dvc_stage", "dvc_experiment")


@dataclass(frozen=True)
class Occasion:
    """When a run took place (milliseconds since 1970), and in what surroundings: what its outputs do not tell."""

    started: int | None = None
    ended: int | None = None
    surroundings: dict[str, str] = field(default_factory=dict)


@contextmanager
def training_run(
    experiment: str,
    variant: str,
    seed: int,
    signature: str,
    original: Occasion | None = None,
    resumed: bool = False,
) -> Iterator[Run]:
    """The run for one execution of a training; it ends FINISHED, FAILED after an error, KILLED after Ctrl-C.

    It is a new one, unless this working copy has left one of the same signature unfinished, or the execution is
    `resumed`. `original` is given where a run that the store has lost is rebuilt.
    """
    tags = {"variant": variant, "seed": str(seed), SIGNATURE: signature, "kind": "training"}
    with _run(experiment, f"{variant} · seed {seed}", tags, original, resumed) as run:
        yield run


@contextmanager
def reference_run(
    experiment: str, title: str, name: str, signature: str, original: Occasion | None = None
) -> Iterator[Run]:
    """The one run of a reference with this signature, which an execution of the stage makes or takes up again."""
    tags = {"reference": name, SIGNATURE: signature, "kind": "reference"}
    with _run(experiment, title, tags, original, resumed=True) as run:
        yield run


def occasion(run: Run) -> Occasion:
    """Of a run that has ended; nothing is known of one that MLflow could not be told of yet."""
    try:
        found = run.client.get_run(run.run_id)
    except MlflowException:
        return Occasion()
    surroundings = {name: found.data.tags[name] for name in SURROUNDINGS if name in found.data.tags}
    return Occasion(found.info.start_time, found.info.end_time, surroundings)


def log_configuration(run: Run, config: Mapping[str, Any]) -> None:
    """The resolved configuration of a training (its config.json) as params, and its data set as the run's input."""
    chosen = ("name", "seed", "variant", "train", "data", "tokenize", "vocabulary_size", "parameters", "libraries")
    run.log_params({key: config[key] for key in chosen if key in config})  # an older one names no libraries
    data, variant = config["data"], config["variant"]
    directions = "both directions" if variant["bidirectional"] else "one direction"
    parameters = f"{config['parameters']['total']:,} parameters"
    note = f"{variant['cell']}, {directions}, {parameters}; trained on {data['name']} with seed {config['seed']}."
    run.set_tags({NOTE: note})
    profile = json.dumps({"classes": len(config["labels"]), "vocabulary_size": config["vocabulary_size"]})
    run.log_dataset(data["name"], data["digest"], profile)


def find_run(experiment: str, signature: str) -> Run | None:
    """The newest finished run with this signature, of a training, reference or comparison, if the store has one.

    While MLflow is down nobody knows, and the run is taken to be there: the outbox looks for it later.
    """
    client, experiment_id = open_experiment(experiment)
    run_id = client.find_run(experiment_id, SIGNATURE, signature)
    return Run(client, run_id) if run_id else None


@contextmanager
def comparison_run(
    experiment: str,
    name: str,
    signature: str,
    trainings: Sequence[str],
    tags: Mapping[str, str],
    note: str,
    original: Occasion | None = None,
) -> Iterator[Run]:
    """A new run for a comparison, which tracking/comparisons.py links with its trainings and references.

    `trainings` are the signatures of both.

    `note` is shown on the run's page and on the experiment's, beneath a link to them side by side.
    """
    found = {training: run.run_id for training in trainings if (run := find_run(experiment, training))}
    tags = {"kind": "comparison", SIGNATURE: signature, **tags}
    with _run(experiment, name, tags, original) as comparison:
        _, experiment_id = open_experiment(experiment)
        comparisons.link(comparison, experiment_id, name, signature, found, note)
        yield comparison


@contextmanager
def _run(
    experiment: str, name: str, tags: Mapping[str, str], original: Occasion | None, resumed: bool = False
) -> Iterator[Run]:
    client, experiment_id = open_experiment(experiment)
    tags = {**tags, WORKING_COPY: working_copy()}
    if original is None:
        started, ended, tags = None, None, {**tags, **_surroundings()}
    else:
        started, ended, tags = original.started, original.ended, {**tags, **original.surroundings, "restored": "true"}
    writer = client.writer()
    tags[writers.TAG] = writer.name
    run = _left(client, experiment_id, tags, resumed)
    if run is None:
        run = Run(client, client.create_run(experiment_id, start_time=started, run_name=name, tags=tags).info.run_id)
    status = RunStatus.FINISHED
    try:
        yield run
    except KeyboardInterrupt:
        status, ended = RunStatus.KILLED, None
        raise
    except BaseException:
        status, ended = RunStatus.FAILED, None
        raise
    finally:
        client.set_terminated(run.run_id, RunStatus.to_string(status), end_time=ended)
        writer.close()


def _left(client: OutboxClient, experiment_id: str, tags: Mapping[str, str], resumed: bool) -> Run | None:
    """The newest run of the same signature, kind and working copy, if it is unfinished or `resumed`; taken up."""
    if experiment_id == WAITING_EXPERIMENT:  # MLflow was just found to be down
        return None
    same = " and ".join(f"tags.{name} = '{tags[name]}'" for name in (SIGNATURE, "kind", WORKING_COPY))
    unfinished = "" if resumed else " and attributes.status != 'FINISHED'"
    order = ["attributes.start_time DESC"]
    try:
        found = client.search_runs([experiment_id], same + unfinished, order_by=order, max_results=1)
        if not found:
            return None
        run = Run(client, found[0].info.run_id)
        run.set_tags(tags)  # before it is RUNNING again: from now on the new writer answers for it
        run.take_up()
    except MlflowException:  # MLflow is down; the outbox gets a new run
        return None
    return run


def _surroundings() -> dict[str, str]:
    """What of its surroundings a run should remember: the commit, DVC's stage and experiment."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    found = (commit, commit, os.environ.get("DVC_STAGE", ""), os.environ.get("DVC_EXP_NAME", ""))
    return {name: value for name, value in zip(SURROUNDINGS, found, strict=True) if value}
