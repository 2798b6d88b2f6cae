"""MLflow runs: one for each execution of a training, to which its evaluation adds; one for each reference; one parent
for each comparison.
"""

import json
import os
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from matplotlib.figure import Figure
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tracking.client import DESCRIPTION, WAITING_EXPERIMENT
from tracking.place import working_copy
from tracking.store import open_experiment

SIGNATURE = "signature"
PARENT = "mlflow.parentRunId"
WORKING_COPY = "working_copy"  # of two that share a store, neither takes up the other's runs
NOTE = "mlflow.note.content"  # shown as Markdown
VIEW = "workflowType=machine_learning"  # in an address; MLflow's pages are about language models otherwise
SURROUNDINGS = ("mlflow.source.git.commit", "git_commit", "dvc_stage", "dvc_experiment")


class Run:
    """A run that can be written to."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self.client = client
        self.run_id = run_id
        self._logged: set[tuple[str, int]] = set()

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs nested `params` as dotted names, such as train.epochs."""
        entries = [Param(name, str(value)) for name, value in _flatten(params)]
        self.client.log_batch(self.run_id, params=entries)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, at: int | None = None) -> None:
        """Metrics of one step, at the same moment: `at` (milliseconds since 1970) or now."""
        moment = time.time_ns() // 1_000_000 if at is None else at
        new = {name: value for name, value in metrics.items() if (name, step) not in self._logged}
        if new:
            entries = [Metric(name, float(value), moment, step) for name, value in new.items()]
            self.client.log_batch(self.run_id, metrics=entries)
            self._logged |= {(name, step) for name in new}

    def has(self, metrics: Mapping[str, float]) -> bool:
        """Whether these are the run's latest values."""
        try:
            latest = self.client.get_run(self.run_id).data.metrics
        except MlflowException:  # MLflow is down
            return False
        return all(latest.get(name) == value for name, value in metrics.items())

    def take_up(self) -> None:
        """Goes on with a run that was left: points that it has are not logged again."""
        for name in self.client.get_run(self.run_id).data.metrics:
            points = self.client.get_metric_history(self.run_id, name)
            self._logged |= {(name, point.step) for point in points}
        self.client.update_run(self.run_id, status=RunStatus.to_string(RunStatus.RUNNING))

    def log_epoch(self, line: Mapping[str, float], costs: Mapping[str, float]) -> None:
        """A line of a training's history, and what that epoch cost (empty where it was not measured)."""
        metrics = {**line, **costs}
        for name in ("epoch", "step", "ended"):
            metrics.pop(name, None)
        self.log_metrics(metrics, step=int(line["epoch"]), at=int(costs["ended"]) if "ended" in costs else None)

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
        with warnings.catch_warnings():
            # A box stands for a letter that no font of matplotlib's has; tables and pages have it in writing.
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
            self.client.log_figure(self.run_id, figure, name)

    def log_artifacts(self, paths: Sequence[Path], folder: str | None = None) -> None:
        """Files or whole folders, into `folder` of the run's artifacts."""
        for path in paths:
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), folder)
            else:
                self.client.log_artifact(self.run_id, str(path), folder)


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
    chosen = ("name", "seed", "variant", "train", "data", "tokenize", "vocabulary_size", "parameters")
    run.log_params({key: config[key] for key in chosen})
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
    children: Sequence[str],
    tags: Mapping[str, str],
    note: str,
    original: Occasion | None = None,
) -> Iterator[Run]:
    """A new parent run for a comparison; `children` are the signatures of the trainings and references in it.

    `note` is shown on the run's page and on the experiment's, beneath a link to them side by side.
    """
    found = [run for child in children if (run := find_run(experiment, child))]
    with _run(experiment, name, {"kind": "comparison", SIGNATURE: signature, **tags}, original) as parent:
        _, experiment_id = open_experiment(experiment)
        page = compare_page(experiment_id, [run.run_id for run in found])
        link = f"[{name}: the trainings side by side](#/{page})"
        parent.set_tags({NOTE: f"{link}\n\n{note}"})
        # The experiment's page shows the first line, and the rest when it is asked to.
        parent.client.set_experiment_tag(experiment_id, NOTE, f"{link}\n\n{note}\n\n{DESCRIPTION}")
        for run in found:
            run.set_tags({PARENT: parent.run_id})
        yield parent


def compare_page(experiment_id: str, run_ids: Sequence[str]) -> str:
    """Where MLflow's pages show these runs side by side."""
    chosen = f"runs={quote(json.dumps(run_ids))}&experiments={quote(json.dumps([experiment_id]))}"
    return f"compare-runs?{chosen}&{VIEW}"


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
def _run(
    experiment: str, name: str, tags: Mapping[str, str], original: Occasion | None, resumed: bool = False
) -> Iterator[Run]:
    client, experiment_id = open_experiment(experiment)
    tags = {**tags, WORKING_COPY: working_copy()}
    if original is None:
        started, ended, tags = None, None, {**tags, **_surroundings()}
    else:
        started, ended, tags = original.started, original.ended, {**tags, **original.surroundings, "restored": "true"}
    run = _left(client, experiment_id, tags, resumed)
    if run is None:
        run = Run(client, client.create_run(experiment_id, start_time=started, run_name=name, tags=tags).info.run_id)
    else:
        run.set_tags(tags)
    run_id = run.run_id
    try:
        yield run
    except KeyboardInterrupt:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
        raise
    except BaseException:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.FAILED))
        raise
    client.set_terminated(run_id, RunStatus.to_string(RunStatus.FINISHED), end_time=ended)


def _left(client: MlflowClient, experiment_id: str, tags: Mapping[str, str], resumed: bool) -> Run | None:
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
        run.take_up()
    except MlflowException:  # MLflow is down; the outbox gets a new run
        return None
    return run


def _surroundings() -> dict[str, str]:
    """What of its surroundings a run should remember: the commit, DVC's stage and experiment."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    found = (commit, commit, os.environ.get("DVC_STAGE", ""), os.environ.get("DVC_EXP_NAME", ""))
    return {name: value for name, value in zip(SURROUNDINGS, found, strict=True) if value}


def _flatten(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
