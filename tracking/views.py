"""Saved views of MLflow's runs page: which runs, columns, groups and charts it shows.

A view is a tag of the experiment, `mlflow.sharedViewState.<id>`: {name, createdAt, updatedAt, state}, where `state` is
the JSON of the page's own state. MLflow lists them in the menu Views, and opens one if its address has
`viewStateShareKey=<id>`. MLflow documents none of this; tests/tracking/test_views.py opens each view in a browser.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from mlflow.tracking import MlflowClient

from tracking.connection import Connection

TAG = "mlflow.sharedViewState."
MACHINE_LEARNING = "workflowType=machine_learning"  # in an address; MLflow's pages are about language models otherwise
MOST_COLUMNS = 9  # of differences: MLflow takes 5,000 characters


class View(NamedTuple):
    """A view: its id in addresses, its name in the menu, what it opens with, and the page's state."""

    id: str
    name: str
    mode: Literal["TABLE", "CHART"]
    state: dict[str, Any]


def addresses(experiment_id: str) -> dict[str, str]:
    """Where MLflow's pages show each view, by name; the first is the one to begin with."""
    page = f"experiments/{experiment_id}/runs?{MACHINE_LEARNING}"
    return {view.name: f"{page}&viewStateShareKey={view.id}&compareRunsMode={view.mode}" for view in views([])}


def save(mlflow: Connection) -> None:
    """Writes the views to the experiment; the columns of differences are those of the newest comparison."""
    newest = mlflow.search("tags.kind = 'comparison'")
    if not newest:
        return
    run = newest[0]
    values = sorted(name for name in run.data.metrics if name.endswith("_difference"))
    differences = [f"{name}{end}" for name in values for end in ("", "_low", "_high")]
    for view in views(differences):
        envelope = {"name": view.name, "createdAt": run.info.start_time, "updatedAt": run.info.start_time}
        tag, value = f"{TAG}{view.id}", json.dumps({**envelope, "state": json.dumps(view.state)})
        save_view = partial(MlflowClient.set_experiment_tag, experiment_id=mlflow.experiment_id, key=tag, value=value)
        mlflow.call(save_view)


def views(differences: Sequence[str]) -> list[View]:
    """Variants, Learning curves and Comparisons; `differences` are the metrics of comparisons to show."""
    # Sorted by a metric: sorted by time, MLflow would add the comparison as their parent.
    trainings = {"searchFilter": "tags.kind = 'training'", "orderByKey": _metric("test_accuracy")}
    grouped = {**trainings, "groupBy": _groups("variant")}
    comparisons = {"searchFilter": "tags.kind = 'comparison'", "orderByKey": "attributes.start_time"}
    columns = [
        _metric("test_accuracy"),
        _metric("test_macro_f1"),
        _metric("training_seconds"),
        _param("parameters.total"),
    ]
    scores = [_bar(name) for name in ("test_accuracy", "test_macro_f1", "training_seconds")]
    curves = [_line(name) for name in ("validation_accuracy", "validation_loss", "train_loss")]
    differences = differences[:MOST_COLUMNS]
    gaps = [_bar(name) for name in differences if name.endswith("_difference")]
    return [
        View("variants", "Variants", "TABLE", grouped | _shown(columns, scores) | {"useGroupedValuesInCharts": False}),
        View("learning-curves", "Learning curves", "CHART", grouped | _shown(columns[:1], curves)),
        View(
            "comparisons", "Comparisons", "TABLE", comparisons | _shown([_metric(name) for name in differences], gaps)
        ),
    ]


def _shown(columns: Sequence[str], charts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The part of the state that says what is shown; what is left out has MLflow's default."""
    sections = [
        {"uuid": SECTION, "name": "Of interest", "display": True, "isReordered": False, "columns": 2},
        # MLflow adds a chart for each other metric to sections of these names: they stay folded.
        {"uuid": "model", "name": "Model metrics", "display": False, "isReordered": False},
        {"uuid": "system", "name": "System metrics", "display": False, "isReordered": False},
    ]
    return {
        "orderByAsc": False,
        "selectedColumns": list(columns),
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": list(charts),
        "compareRunSections": sections,
        "isAccordionReordered": True,
    }


SECTION = "interest"


def _groups(tag: str) -> dict[str, Any]:
    """Runs of the same value of a tag as a group, with the mean of each metric."""
    return {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": tag}]}


def _bar(metric: str) -> dict[str, Any]:
    return _chart("BAR", metric) | {"runsCountToCompare": 100}


def _line(metric: str) -> dict[str, Any]:
    return _chart("LINE", metric) | {
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "range": {},
        "runsCountToCompare": 100,
    }


def _chart(kind: str, metric: str) -> dict[str, Any]:
    place = {"metricSectionId": SECTION, "deleted": False, "isGenerated": False}
    return {"type": kind, "uuid": f"{kind}-{metric}", "metricKey": metric, **place}


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _param(name: str) -> str:
    return f"params.`{name}`"
