"""Creates, ends and finds MLflow runs.

Each execution of a training has a run, to which its evaluation adds metrics. Each reference, trial and pretraining has
a run. So has each comparison, as the parent of trainings and references, and each search, as the parent of its trials.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from mlflow.entities import RunStatus

from core.repository import working_copy
from tracking import comparisons
from tracking.connection import Connection
from tracking.notes import COMMIT, WRITER
from tracking.run import NOTE, SIGNATURE, Provenance, Run

WORKING_COPY = "working_copy"  # a working copy does not take up the runs of another that uses the same store
SURROUNDINGS = ("mlflow.source.git.commit", "git_commit", "dvc_stage", "dvc_experiment")


@contextmanager
def training_run(
    mlflow: Connection, config: Mapping[str, Any], original: Provenance | None = None, resumed: bool = False
) -> Iterator[Run]:
    """The run for one execution of the training that `config` (config.json) describes.

    It ends FINISHED, FAILED after an error, KILLED after Ctrl-C or SIGTERM.

    The run is new, unless this working copy has an unfinished run of the same signature, or the execution is
    `resumed`. If the run is rebuilt from the outputs, `original` is its provenance. If MLflow refused a call, the run
    ends FAILED, and can be completed later. If MLflow could not be reached, the run stays RUNNING until the next
    connection closes it.
    """
    variant, seed = config["name"], config["seed"]
    tags = {"variant": variant, "seed": str(seed), SIGNATURE: config["signature"], "kind": "training"}
    with _run(mlflow, f"{variant} · seed {seed}", tags, original, resumed) as run:
        _log_configuration(run, config)
        yield run


@contextmanager
def reference_run(
    mlflow: Connection, title: str, name: str, signature: str, original: Provenance | None = None
) -> Iterator[Run]:
    """Creates the run of the reference with this signature, or reopens it."""
    tags = {"reference": name, SIGNATURE: signature, "kind": "reference"}
    with _run(mlflow, title, tags, original, resumed=True) as run:
        yield run


@contextmanager
def trial_run(
    mlflow: Connection,
    title: str,
    outcome: Mapping[str, Any],
    original: Provenance | None = None,
    resumed: bool = False,
) -> Iterator[Run]:
    """The run of a training with a setting of its own (pipelines/trial.py); it ends as `training_run` does.

    The variant and the setting's keys are params of the run. Their names have no prefix, because MLflow's parallel
    coordinates show these names.
    """
    kind = "trial" if outcome["split"] == "validation" else "setting"
    tags = {"variant": outcome["variant"], "seed": str(outcome["seed"]), SIGNATURE: outcome["signature"], "kind": kind}
    with _run(mlflow, title, tags, original, resumed) as run:
        budget = {"epochs": outcome["epochs"], "documents": outcome["documents"]}
        run.log_params({"variant": outcome["variant"], **outcome["setting"], **budget})
        yield run


@contextmanager
def tuning_run(mlflow: Connection, variant: str, signature: str) -> Iterator[Run]:
    """The run of a search, the parent of its trials."""
    tags = {"variant": variant, SIGNATURE: signature, "kind": "tuning"}
    with _run(mlflow, f"tuning of {variant}", tags, None) as run:
        yield run


@contextmanager
def pretraining_run(mlflow: Connection, objective: str, signature: str) -> Iterator[Run]:
    """The run of the pretraining with this signature."""
    tags = {SIGNATURE: signature, "kind": "pretraining"}
    with _run(mlflow, f"pretraining · {objective}", tags, None) as run:
        yield run


@contextmanager
def comparison_run(
    mlflow: Connection,
    name: str,
    signature: str,
    trainings: Sequence[str],
    tags: Mapping[str, str],
    note: str,
    original: Provenance | None = None,
) -> Iterator[Run]:
    """The run of a comparison, which tracking/comparisons.py links with its trainings and references.

    `trainings` are the signatures of both. `note` is shown on the run's page and on the experiment's, below a link to
    MLflow's compare page.
    """
    run_ids = {training: run.run_id for training in trainings if (run := find_run(mlflow, training))}
    tags = {"kind": "comparison", SIGNATURE: signature, **tags}
    with _run(mlflow, name, tags, original) as comparison:
        comparisons.link(comparison, name, signature, run_ids, note)
        yield comparison


def log_data(run: Run, config: Mapping[str, Any]) -> None:
    """Logs the training's data set as the run's input; `config` is its config.json, or the summary of the tokens."""
    profile = json.dumps({"classes": len(config["labels"]), "vocabulary_size": config["vocabulary_size"]})
    run.log_dataset(config["data"]["name"], config["data"]["digest"], profile)


def find_run(mlflow: Connection, signature: str, ended: int | None = None) -> Run | None:
    """The newest finished run with this signature, of a training, reference or comparison.

    `ended` (milliseconds since 1970) tells one execution from others with the same signature.
    """
    finished = f"tags.{SIGNATURE} = '{signature}' and attributes.status = 'FINISHED'"
    runs = mlflow.search(finished if ended is None else f"{finished} and attributes.end_time = {ended}")
    return Run(mlflow, runs[0].info.run_id, runs[0]) if runs else None


def _log_configuration(run: Run, config: Mapping[str, Any]) -> None:
    """The resolved configuration of a training (its config.json) as params, and its data set."""
    chosen = ("name", "seed", "variant", "train", "data", "tokenize", "vocabulary_size", "parameters", "libraries")
    present = [key for key in (*chosen, "pretrained") if key in config]  # an older one names no libraries
    run.log_params({key: config[key] for key in present})
    data, variant = config["data"], config["variant"]
    log_data(run, config)
    directions = "both directions" if variant["bidirectional"] else "one direction"
    parameters = f"{config['parameters']['total']:,} parameters"
    note = f"{variant['cell']}, {directions}, {parameters}; trained on {data['name']} with seed {config['seed']}."
    run.set_tags({NOTE: note})


@contextmanager
def _run(
    mlflow: Connection, name: str, tags: Mapping[str, str], original: Provenance | None, resumed: bool = False
) -> Iterator[Run]:
    provenance = original or Provenance(surroundings=_surroundings())
    tags = {**tags, WORKING_COPY: working_copy(), WRITER: mlflow.writer, **provenance.surroundings}
    if original is not None:
        tags["restored"] = "true"
    missed = mlflow.missed
    run = _reopen(mlflow, tags, resumed) or _create(mlflow, name, tags, provenance.started)
    status, ended = RunStatus.FINISHED, provenance.ended
    try:
        yield run
    except KeyboardInterrupt:
        status, ended = RunStatus.KILLED, None
        raise
    except BaseException:
        status, ended = RunStatus.FAILED, None
        raise
    finally:
        ended = time.time_ns() // 1_000_000 if ended is None else ended
        run.provenance = replace(provenance, started=run.provenance.started, ended=ended)
        run.end(status if mlflow.missed == missed or status != RunStatus.FINISHED else RunStatus.FAILED, ended)


def _reopen(mlflow: Connection, tags: Mapping[str, str], resumed: bool) -> Run | None:
    """Continues the newest run of the same signature, kind and working copy if it is unfinished, or with `resumed`."""
    same = " and ".join(f"tags.{name} = '{tags[name]}'" for name in (SIGNATURE, "kind", WORKING_COPY))
    runs = mlflow.search(same if resumed else f"{same} and attributes.status != 'FINISHED'")
    if not runs:
        return None
    run = Run(mlflow, runs[0].info.run_id, runs[0])
    run.set_tags(tags)  # first, so that others can close the run (by the tag `writer`) if this process dies
    run.take_up()
    return run


def _create(mlflow: Connection, name: str, tags: Mapping[str, str], started: int | None) -> Run:
    started = time.time_ns() // 1_000_000 if started is None else started
    created = mlflow.call(lambda client: client.create_run(mlflow.experiment_id, started, dict(tags), name))
    run = Run(mlflow, created.info.run_id if created else "")
    run.provenance = Provenance(started)
    return run


def _surroundings() -> dict[str, str]:
    """The commit, DVC's stage and its experiment, as tags."""
    commit = os.environ.get(COMMIT)
    if commit is None:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        commit = answer.stdout.strip()
    values = (commit, commit, os.environ.get("DVC_STAGE", ""), os.environ.get("DVC_EXP_NAME", ""))
    return {name: value for name, value in zip(SURROUNDINGS, values, strict=True) if value}
