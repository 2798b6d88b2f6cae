"""MLflow runs: one for each execution of a training, to which its evaluation adds; one parent for each comparison."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.tracking import MlflowClient

from tracking.store import open_experiment

SIGNATURE = "signature"
PARENT = "mlflow.parentRunId"


class Run:
    """A run that can be written to."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self.client = client
        self.run_id = run_id

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs nested `params` as dotted names, such as train.epochs."""
        entries = [Param(name, str(value)) for name, value in _flatten(params)]
        self.client.log_batch(self.run_id, params=entries)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Metrics of one step, at the same moment."""
        now = time.time_ns() // 1_000_000
        entries = [Metric(name, float(value), now, step) for name, value in metrics.items()]
        self.client.log_batch(self.run_id, metrics=entries)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds `tags` or changes them."""
        self.client.log_batch(self.run_id, tags=[RunTag(name, value) for name, value in tags.items()])

    def log_dataset(self, name: str, digest: str, profile: str) -> None:
        """The data set that the run learned from."""
        # MLflow's digests have at most 36 characters.
        dataset = Dataset(name, digest.removeprefix("sha256:")[:36], "code", "data/raw", profile=profile)
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def log_figure(self, figure: Figure, name: str) -> None:
        """A picture, as the artifact `name`."""
        self.client.log_figure(self.run_id, figure, name)

    def log_artifacts(self, paths: Sequence[Path], folder: str | None = None) -> None:
        """Files or whole folders, into `folder` of the run's artifacts."""
        for path in paths:
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), folder)
            else:
                self.client.log_artifact(self.run_id, str(path), folder)


@contextmanager
def training_run(experiment: str, variant: str, seed: int, signature: str) -> Iterator[Run]:
    """A new run for one execution of a training; it ends FINISHED, FAILED after an error, KILLED after Ctrl-C."""
    client, experiment_id = open_experiment(experiment)
    tags = {"variant": variant, "seed": str(seed), SIGNATURE: signature, "kind": "training", **_surroundings()}
    created = client.create_run(experiment_id, run_name=f"{variant} · seed {seed}", tags=tags)
    with _ending(client, created.info.run_id) as run:
        yield run


def log_configuration(run: Run, config: Mapping[str, Any]) -> None:
    """The resolved configuration of a training (its config.json) as params, and its data set as the run's input."""
    chosen = ("name", "seed", "variant", "train", "data", "tokenize", "vocabulary_size", "parameters")
    run.log_params({key: config[key] for key in chosen})
    data = config["data"]
    profile = json.dumps({"classes": len(config["labels"]), "vocabulary_size": config["vocabulary_size"]})
    run.log_dataset(data["name"], data["digest"], profile)


def restore_training(experiment: str, config: Mapping[str, Any], history: Sequence[Mapping[str, float]]) -> Run:
    """A run for a finished training whose own run the store has lost; what its epochs cost is lost with it."""
    with training_run(experiment, config["name"], config["seed"], config["signature"]) as run:
        log_configuration(run, config)
        run.set_tags({"restored": "true"})
        for line in history:
            metrics = {name: value for name, value in line.items() if name not in {"epoch", "step"}}
            run.log_metrics(metrics, step=int(line["epoch"]))
    return run


def find_training(experiment: str, signature: str) -> Run | None:
    """The newest finished run of the training with this signature, if the store has one."""
    client, experiment_id = open_experiment(experiment)
    runs = client.search_runs(
        [experiment_id],
        f"tags.{SIGNATURE} = '{signature}' and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return Run(client, runs[0].info.run_id) if runs else None


@contextmanager
def comparison_run(experiment: str, name: str, signatures: Sequence[str], tags: Mapping[str, str]) -> Iterator[Run]:
    """A new parent run for a comparison of the trainings with these signatures, which become its children."""
    client, experiment_id = open_experiment(experiment)
    own_tags = {"kind": "comparison", **_surroundings(), **tags}
    created = client.create_run(experiment_id, run_name=name, tags=own_tags)
    with _ending(client, created.info.run_id) as run:
        for signature in signatures:
            if training := find_training(experiment, signature):
                training.set_tags({PARENT: run.run_id})
        yield run


def latest_comparison(experiment: str) -> tuple[str, list[str]]:
    """The experiment's id, and the ids of the trainings of its newest comparison, by name."""
    client, experiment_id = open_experiment(experiment)
    order = ["attributes.start_time DESC"]
    parents = client.search_runs([experiment_id], "tags.kind = 'comparison'", order_by=order, max_results=1)
    if not parents:
        return experiment_id, []
    found = client.search_runs([experiment_id], f"tags.`{PARENT}` = '{parents[0].info.run_id}'")
    return experiment_id, [run.info.run_id for run in sorted(found, key=lambda run: str(run.info.run_name))]


@contextmanager
def _ending(client: MlflowClient, run_id: str) -> Iterator[Run]:
    try:
        yield Run(client, run_id)
    except KeyboardInterrupt:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
        raise
    except BaseException:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))
        raise
    client.set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED))


def _surroundings() -> dict[str, str]:
    """What of its surroundings a run should remember: the commit, DVC's stage and experiment."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    known = {
        "mlflow.source.git.commit": commit.stdout.strip(),
        "git_commit": commit.stdout.strip(),
        "dvc_stage": os.environ.get("DVC_STAGE", ""),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
    }
    return {name: value for name, value in known.items() if value}


def _flatten(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
