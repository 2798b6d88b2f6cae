"""An MLflow run that can be written to."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from tracking.connection import Connection

SIGNATURE = "signature"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"  # shown as Markdown
MOST = 100  # params or tags that MLflow takes in one call

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Provenance:
    """When a run took place (milliseconds since 1970), from which commit and DVC stage: what no output says."""

    started: int | None = None
    ended: int | None = None
    surroundings: dict[str, str] = field(default_factory=dict)


class Run:
    """A run that can be written to.

    Attributes:
        mlflow: the connection that it uses.
        run_id: the run's id; empty if MLflow did not create the run, and then nothing is sent.
        metrics: the latest value of each metric in MLflow when the run was looked up.
        model_id: the id of the MLflow model that the run has logged (tracking/models.py); empty if there is none.
        provenance: complete once the run has ended.
    """

    def __init__(self, mlflow: Connection, run_id: str, known: MlflowRun | None = None) -> None:
        self.mlflow = mlflow
        self.run_id = run_id
        self.metrics: Mapping[str, float] = known.data.metrics if known else {}
        models = known.outputs.model_outputs if known and known.outputs else []
        self.model_id = models[0].model_id if models else ""
        self.provenance = Provenance(known.info.start_time if known else None)
        self._logged: set[tuple[str, int]] = set()

    def take_up(self) -> None:
        """Continues a run that was left: metric points that it has are not logged again."""
        for name in self.metrics:
            self._logged |= {(name, point.step) for point in self.history(name)}
        self._send(lambda client, run_id: client.update_run(run_id, status=RunStatus.to_string(RunStatus.RUNNING)))

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs nested `params` as dotted names, such as train.epochs."""
        for batch in _batches(Param(name, str(value)) for name, value in flatten(params)):
            self._log_batch(params=batch)

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, at: int | None = None) -> None:
        """Logs metrics of one step, for the run and its model, with the time `at` (milliseconds since 1970) or now."""
        moment = time.time_ns() // 1_000_000 if at is None else at
        new = {name: value for name, value in metrics.items() if (name, step) not in self._logged}
        if new:
            link = {"model_id": self.model_id or None}
            self._log_batch(metrics=[Metric(name, float(value), moment, step, **link) for name, value in new.items()])
            self._logged |= {(name, step) for name in new}

    def log_scores(self, split: str, scores: Mapping[str, float | None]) -> None:
        """Logs the scores of the best weights, under names such as best_validation_accuracy or test_accuracy."""
        prefix = "best_validation" if split == "validation" else split
        self.log_metrics({f"{prefix}_{key}": value for key, value in scores.items() if value is not None})

    def has(self, metrics: Mapping[str, float]) -> bool:
        """Whether these were the run's latest values when it was found."""
        return all(self.metrics.get(name) == value for name, value in metrics.items())

    def log_epoch(self, line: Mapping[str, float], costs: Mapping[str, float]) -> None:
        """A line of a training's history, and what that epoch cost (empty where it was not measured)."""
        metrics = {**line, **costs}
        for name in ("epoch", "step", "ended"):
            metrics.pop(name, None)
        self.log_metrics(metrics, step=int(line["epoch"]), at=int(costs["ended"]) if "ended" in costs else None)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Adds `tags` or changes them."""
        for batch in _batches(RunTag(name, value) for name, value in tags.items()):
            self._log_batch(tags=batch)

    def log_dataset(self, name: str, digest: str, profile: str) -> None:
        """The data set that the run learned from."""
        # MLflow's digests have at most 36 characters.
        dataset = Dataset(name, digest.removeprefix("sha256:")[:36], "code", "data/raw", profile=profile)
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        self._send(lambda client, run_id: client.log_inputs(run_id, inputs))

    def log_figure(self, figure: Figure, name: str) -> None:
        """A picture, as the artifact `name`."""
        with warnings.catch_warnings():
            # matplotlib draws a box for a letter that none of its fonts has; tables and pages have it in writing.
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
            self._send(lambda client, run_id: client.log_figure(run_id, figure, name))

    def log_artifacts(self, paths: Sequence[Path], folder: str | None = None) -> None:
        """Files or whole folders, into `folder` of the run's artifacts."""
        for path in paths:
            self._upload(path, folder)

    def artifacts(self, folder: str) -> list[str]:
        """The paths of the run's artifacts in `folder`."""
        entries = self._send(lambda client, run_id: client.list_artifacts(run_id, folder))
        return [entry.path for entry in entries or ()]

    def end(self, status: int, ended: int) -> None:
        """Ends the run with an MLflow `status` at `ended` (milliseconds since 1970)."""
        self._send(lambda client, run_id: client.set_terminated(run_id, RunStatus.to_string(status), ended))

    def history(self, metric: str) -> Sequence[Metric]:
        """All points of a metric that MLflow has."""
        return self._send(lambda client, run_id: client.get_metric_history(run_id, metric)) or ()

    def _upload(self, path: Path, folder: str | None) -> None:
        if path.is_dir():
            files = [file for file in path.rglob("*") if file.is_file()]
            self._send(lambda client, run_id: client.log_artifacts(run_id, str(path), folder), files)
        else:
            self._send(lambda client, run_id: client.log_artifact(run_id, str(path), folder), [path])

    def _log_batch(
        self, metrics: Sequence[Metric] = (), params: Sequence[Param] = (), tags: Sequence[RunTag] = ()
    ) -> None:
        self._send(lambda client, run_id: client.log_batch(run_id, metrics, params, tags))

    def _send(self, ask: Callable[[MlflowClient, str], Entry], files: Sequence[Path] = ()) -> Entry | None:
        """What MLflow answers; None if it did not, which the connection reports."""
        return self.mlflow.call(lambda client: ask(client, self.run_id), files) if self.run_id else None


def flatten(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested `params` with dotted names, such as train.epochs."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, MOST)):
        yield batch
