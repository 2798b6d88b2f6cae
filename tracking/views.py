"""Saved views of MLflow's runs page: which runs, columns, groups and charts it shows.

A view is a tag of the experiment, `mlflow.sharedViewState.<id>`: {name, createdAt, updatedAt, state}, where `state` is
the JSON of the page's own state. MLflow lists them in the menu Views, and opens one if its address has
`viewStateShareKey=<id>`. MLflow documents none of this; tests/tracking/test_views.py opens each view in a browser.
tracking/saved_views.py writes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from analysis.comparison.metrics import Metric, metric_named

MACHINE_LEARNING = "workflowType=machine_learning"  # in an address; MLflow's pages are about language models otherwise
MOST_COLUMNS = 9  # of differences: MLflow takes 5,000 characters
CURVES = ("validation_accuracy", "validation_loss", "train_loss")
RUN_NAME = "attributes.`Run Name`"
LETTER, ROOM = 6, 44  # pixels: of a letter in a column's heading, and of what MLflow draws beside the heading
FEWEST_PIXELS = 100


class View(NamedTuple):
    """A view: its id in addresses, its name in the menu, what it opens with, and the page's state."""

    id: str
    name: str
    mode: Literal["TABLE", "CHART"]
    state: dict[str, Any]


class Search(NamedTuple):
    """A search for settings: the params of its trials in the order of the axes, and the metric by which it chose.

    `data` is MLflow's digest of the data set; empty: trials on all data are shown.
    """

    params: Sequence[str] = ()
    data: str = ""
    metric: Metric = metric_named("accuracy")


@dataclass(frozen=True)
class Contents:
    """The parts of an experiment that the views show.

    Attributes:
        data: MLflow's digest of the data set whose trainings are shown, that of the newest comparison; empty: all.
        differences: the metrics of comparisons that are shown.
        longest_name: the number of letters in the longest name of a comparison.
        ranges: the ends of the axis of each of `CURVES`, which enclose the values of these trainings.
        search: the newest search; None if there is none.
    """

    data: str = ""
    differences: Sequence[str] = ()
    longest_name: int = 0
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    search: Search | None = None


def addresses(experiment_id: str, searched: bool) -> dict[str, str]:
    """Where MLflow's pages show each view, by name; the first is the one to begin with."""
    page = f"experiments/{experiment_id}/runs?{MACHINE_LEARNING}"
    present = views(Contents(search=Search() if searched else None))
    return {view.name: f"{page}&viewStateShareKey={view.id}&compareRunsMode={view.mode}" for view in present}


def views(contents: Contents) -> list[View]:
    """Variants, Learning curves, Comparisons and, after a search, Tuning."""
    # Sorted by a metric: sorted by time, MLflow would add the comparison as their parent.
    trainings = {"searchFilter": runs_of("training", contents.data), "orderByKey": _metric("test_accuracy")}
    grouped = {**trainings, "groupBy": _groups("variant")}
    comparisons = {"searchFilter": runs_of("comparison"), "orderByKey": "attributes.start_time"}
    columns = [
        _metric("test_accuracy"),
        _metric("test_macro_f1"),
        _metric("training_seconds"),
        _param("parameters.total"),
    ]
    scores = [_bar(name) for name in ("test_accuracy", "test_macro_f1", "training_seconds")]
    curves = [_line(name, contents.ranges.get(name)) for name in CURVES]
    differences = contents.differences[:MOST_COLUMNS]
    gaps = [_bar(name) for name in differences if name.endswith("_difference")]
    found = [
        View("variants", "Variants", "TABLE", grouped | _shown(columns, scores) | {"useGroupedValuesInCharts": False}),
        View("learning-curves", "Learning curves", "CHART", grouped | _shown(columns[:1], curves)),
        View(
            "comparisons",
            "Comparisons",
            "TABLE",
            comparisons | _shown([_metric(name) for name in differences], gaps, contents.longest_name),
        ),
    ]
    if search := contents.search:
        score = f"best_validation_{search.metric.key}"
        trials = {"searchFilter": runs_of("trial", search.data), "orderByKey": _metric(score)}
        shown = _shown([_metric(score), *map(_param, search.params)], [_parallel(search.params, score)])
        best_first = {"orderByAsc": not search.metric.higher_is_better}
        found.append(View("tuning", "Tuning", "CHART", trials | shown | best_first))
    return found


def runs_of(kind: str, data: str = "") -> str:
    """MLflow's filter for the runs of a kind."""
    return f"tags.kind = '{kind}'" + (f" and dataset.digest = '{data}'" if data else "")


def _shown(columns: Sequence[str], charts: Sequence[dict[str, Any]], longest_name: int = 0) -> dict[str, Any]:
    """The part of the state that says what is shown; what is left out has MLflow's default."""
    sections = [
        {"uuid": SECTION, "name": "Of interest", "display": True, "isReordered": False, "columns": min(2, len(charts))},
        # MLflow adds a chart for each other metric to sections of these names: they stay folded.
        {"uuid": "model", "name": "Model metrics", "display": False, "isReordered": False},
        {"uuid": "system", "name": "System metrics", "display": False, "isReordered": False},
    ]
    widths = {column: _pixels(len(column.split("`")[1])) for column in columns}
    widths |= {RUN_NAME: _pixels(longest_name)} if longest_name else {}
    return {
        "orderByAsc": False,
        "selectedColumns": list(columns),
        "columnOrder": list(widths),  # MLflow sets the widths of these
        "columnWidths": widths,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": list(charts),
        "compareRunSections": sections,
        "isAccordionReordered": True,
    }


SECTION = "interest"


def _pixels(letters: int) -> int:
    """The width of a column in which so many letters can be read."""
    return max(FEWEST_PIXELS, ROOM + LETTER * letters)


def _groups(tag: str) -> dict[str, Any]:
    """Runs of the same value of a tag as a group, with the mean of each metric."""
    return {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": tag}]}


def _bar(metric: str) -> dict[str, Any]:
    return _chart("BAR", metric) | {"metricKey": metric}


def _line(metric: str, ends: tuple[float, float] | None) -> dict[str, Any]:
    """A curve for each run or group; without `ends` the axis of a group begins at 0, as MLflow's bands do."""
    return _chart("LINE", metric) | {
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "lineSmoothness": 0,
        "scaleType": "linear",
        "xAxisScaleType": "linear",
        "range": {"yMin": ends[0], "yMax": ends[1]} if ends else {},
    }


def _parallel(params: Sequence[str], metric: str) -> dict[str, Any]:
    """Parallel coordinates: a line for each run, coloured by the metric."""
    return _chart("PARALLEL", metric) | {"selectedParams": list(params), "selectedMetrics": [metric]}


def _chart(kind: str, metric: str) -> dict[str, Any]:
    place = {"metricSectionId": SECTION, "deleted": False, "isGenerated": False}
    return {"type": kind, "uuid": f"{kind}-{metric}", "runsCountToCompare": 100, **place}


def _metric(name: str) -> str:
    return f"metrics.`{name}`"


def _param(name: str) -> str:
    return f"params.`{name}`"
