"""A run of MLflow's that can be written to."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from matplotlib.figure import Figure
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

SIGNATURE = "signature"
PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"  # shown as Markdown
MOST = 100  # params or tags that MLflow takes in one call

Entry = TypeVar("Entry")


class Run:
    """A run that can be written to."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self.client = client
        self.run_id = run_id
        self._logged: set[tuple[str, int]] = set()

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Logs nested `params` as dotted names, such as train.epochs."""
        for batch in _batches(Param(name, str(value)) for name, value in _flatten(params)):
            self.client.log_batch(self.run_id, params=batch)

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
        for batch in _batches(RunTag(name, value) for name, value in tags.items()):
            self.client.log_batch(self.run_id, tags=batch)

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


def _flatten(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, MOST)):
        yield batch
