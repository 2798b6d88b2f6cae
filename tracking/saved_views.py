"""Writes the views of tracking/views.py to the experiment: they show the newest comparison and the newest search."""

import json
from collections.abc import Sequence
from functools import partial
from math import isfinite

from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from analysis.comparison.metrics import metric_named
from tracking.comparisons import latest_trainings
from tracking.connection import Connection
from tracking.run import PARENT, Run
from tracking.views import CURVES, Contents, Search, runs_of, views

TAG = "mlflow.sharedViewState."
MOST_RUNS = 100  # that MLflow's page shows at once
MARGIN = 0.05  # of an axis, below the lowest and above the highest value
NOT_SEARCHED = {"epochs", "documents"}  # params of a trial that are none of its setting


def save(mlflow: Connection) -> None:
    """Writes the views, if there is a comparison or a search."""
    comparisons = mlflow.search("tags.kind = 'comparison'", MOST_RUNS)
    newest = comparisons or mlflow.search("tags.kind = 'tuning'")
    if not newest:
        return
    time = newest[0].info.start_time
    for view in views(_contents(mlflow, comparisons)):
        envelope = {"name": view.name, "createdAt": time, "updatedAt": time, "state": json.dumps(view.state)}
        tag, value = f"{TAG}{view.id}", json.dumps(envelope)
        save_view = partial(MlflowClient.set_experiment_tag, experiment_id=mlflow.experiment_id, key=tag, value=value)
        mlflow.call(save_view)


def _contents(mlflow: Connection, comparisons: Sequence[MlflowRun]) -> Contents:
    metrics = comparisons[0].data.metrics if comparisons else {}
    names = sorted(name for name in metrics if name.endswith("_difference"))
    trainings = (mlflow.call(partial(MlflowClient.get_run, run_id=run_id)) for run_id in latest_trainings(mlflow))
    data = next(filter(None, map(_data, trainings)), "")
    return Contents(
        data=data,
        differences=[f"{name}{end}" for name in names for end in ("", "_low", "_high")],
        longest_name=max((len(str(run.info.run_name)) for run in comparisons), default=0),
        ranges=_ranges(mlflow, data),
        search=_search(mlflow),
    )


def _search(mlflow: Connection) -> Search | None:
    """The newest one whose trials MLflow has."""
    for search in mlflow.search("tags.kind = 'tuning'"):
        for trial in mlflow.search(f"tags.`{PARENT}` = '{search.info.run_id}'"):
            for score in search.data.metrics:
                params = sorted(set(trial.data.params) - NOT_SEARCHED, key=lambda name: (name != "variant", name))
                return Search(params, _data(trial), metric_named(score.removeprefix("best_validation_")))
    return None


def _data(run: MlflowRun | None) -> str:
    """The digest of the data set that a run learned from; empty if MLflow does not know it."""
    inputs = run.inputs.dataset_inputs if run and run.inputs else []
    return str(inputs[0].dataset.digest) if inputs else ""


def _ranges(mlflow: Connection, data: str) -> dict[str, tuple[float, float]]:
    """The ends of the axis of each of `CURVES`, within which all points of the trainings on `data` lie."""
    runs = [Run(mlflow, run.info.run_id) for run in mlflow.search(runs_of("training", data), MOST_RUNS)]
    ranges = {}
    for name in CURVES:
        values = [point.value for run in runs for point in run.history(name) if isfinite(point.value)]
        if values and min(values) < max(values):
            room = MARGIN * (max(values) - min(values))
            ranges[name] = (round(min(values) - room, 4), round(max(values) + room, 4))
    return ranges
