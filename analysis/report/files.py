"""Writes what a comparison found: numbers for DVC, figures, the page, and a table in the terminal."""

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.comparison.costs import COSTS, mean_cost, measured_on, mixed_hardware
from analysis.comparison.differences import Comparison, Score
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import Metric
from analysis.comparison.slices import Slice
from analysis.comparison.standing import MEASURED, Standing, table_rows
from analysis.comparison.under_settings import UnderSettings
from analysis.drawing.render import panels_png
from analysis.report.figures import figures
from analysis.report.page import render
from analysis.report.searches import forest_panels, settings_summary, tuning_summary
from analysis.tuning.figures import tuning_panels
from analysis.tuning.search import Tuning
from analysis.verdict.sentences import Verdict
from analysis.verdict.soundness import Soundness
from analysis.verdict.words import p_value
from core import file_io
from core.paths import REPORTS


@dataclass(frozen=True)
class Result:
    """What the stage found."""

    experiment: Experiment
    comparison: Comparison
    slices: dict[str, list[Slice]]
    verdict: Verdict
    standing: Standing
    soundness: Soundness
    tuning: Tuning | None = None
    under_settings: UnderSettings | None = None


def write(result: Result) -> None:
    """Into reports/. The page shows measured times: unlike the rest it is no output of DVC."""
    experiment = result.experiment
    file_io.write_json(REPORTS / "comparison.json", _rounded(_summary(result)))
    file_io.write_json(REPORTS / "metrics.json", _rounded(_metrics(result)))
    for name, rows in _plot_rows(result).items():
        file_io.write_json(REPORTS / "plots" / f"{name}.json", _rounded(rows))
    drawn = figures(experiment, result.comparison, result.slices)
    if result.tuning is not None:
        drawn["tuning"] = tuning_panels(result.tuning)
    if result.under_settings is not None:
        drawn["settings"] = forest_panels(experiment, result.under_settings)
    for name, panels in drawn.items():
        with file_io.whole(REPORTS / "figures" / f"{name}.png") as path:
            path.write_bytes(panels_png(panels, experiment.variants))
    with file_io.whole(REPORTS / "comparison.html") as path:
        page = render(
            experiment, result.comparison, result.slices, result.standing, result.verdict, drawn, result.tuning,
            result.under_settings,
        )  # fmt: skip
        path.write_text(page, encoding="utf-8")


def _summary(result: Result) -> dict[str, Any]:
    """All that was found, but for what is in reports/plots."""
    experiment, comparison = result.experiment, result.comparison
    more = {}
    if result.tuning is not None:
        more["tuning"] = tuning_summary(result.tuning)
    if result.under_settings is not None:
        more["settings"] = settings_summary(experiment, result.under_settings)
    summary = {
        "verdict": result.verdict.headline,
        "metric": experiment.metric.key,
        "soundness": {kind: ", ".join(found) or "fine" for kind, found in result.soundness.by_kind().items()},
        "seeds": len(experiment.seeds),
        "documents": len(experiment.labels),
        "variants": {
            variant: {
                "parameters": experiment.parameters[variant]["total"],
                **{key: {"mean": score.mean, "deviation": score.deviation} for key, score in scores.items()},
            }
            for variant, scores in comparison.scores.items()
        },
        "references": {
            name: {
                "parameters": result.standing.references[name].parameters,
                **{key: {"value": score.mean, "low": score.low, "high": score.high} for key, score in scores.items()},
            }
            for name, scores in result.standing.scores.items()
        },
        "differences_to_linear": {
            variant: {key: asdict(gap) for key, gap in gaps.items()} for variant, gaps in result.standing.gaps.items()
        },
        "differences": {
            variant: {
                key: asdict(found)
                if key == experiment.metric.key
                else {"value": found.value, "low": found.low, "high": found.high, "p_value": found.p_value}
                for key, found in differences.items()
            }
            for variant, differences in comparison.differences.items()
        },
    }
    return summary | more


def _metrics(result: Result) -> dict[str, dict[str, float]]:
    """What `dvc metrics` and `dvc exp show` list. Each number becomes a column, of which a terminal shows seven."""
    comparison = result.comparison
    metrics = {variant: {"accuracy": scores["accuracy"].mean} for variant, scores in comparison.scores.items()}
    for variant, differences in comparison.differences.items():
        found = differences["accuracy"]
        interval = {"difference": found.value, "low": found.low, "high": found.high}
        metrics[variant] |= interval | {"p": found.p_value_corrected}
    return metrics


def _plot_rows(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Rows for `dvc plots`, by file name."""
    experiment, comparison = result.experiment, result.comparison
    runs = [
        (rank, variant, index, seed)
        for rank, variant in enumerate(experiment.variants)
        for index, seed in enumerate(experiment.seeds)
    ]
    return {
        "scores": [
            {"variant": variant, "seed": seed, **{key: found.values[index] for key, found in scores.items()}}
            for _, variant, index, seed in runs
            for scores in [comparison.scores[variant]]
        ],
        "learning_curves": [
            {"variant": variant, "seed": seed, **epoch}
            for rank, variant, index, seed in runs
            for epoch in experiment.histories[rank][index]
        ],
        "slices": [
            _slice_row(part, variant) for parts in result.slices.values() for part in parts for variant in part.scores
        ],
    }


def _slice_row(part: Slice, variant: str) -> dict[str, Any]:
    score = part.scores[variant]
    row = {"column": part.column, "value": part.value, "documents": part.documents, "variant": variant}
    row |= {"accuracy": score.accuracy.value, "low": score.accuracy.low, "high": score.accuracy.high}
    if score.difference is not None:
        gap = score.difference
        row |= {"difference": gap.value, "difference_low": gap.low, "difference_high": gap.high}
    return row


def _rounded(content: Any) -> Any:
    """Six significant digits: what is meant, and the same on every machine."""
    if isinstance(content, float):
        return float(f"{content:.6g}")
    if isinstance(content, dict):
        return {str(key): _rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_rounded(value) for value in content]
    return content


def show(result: Result) -> None:
    """In the terminal."""
    experiment, comparison = result.experiment, result.comparison
    scores = Table(title=f"{experiment.data_shown}: {len(experiment.labels):,} test documents", title_justify="left")
    gaps = Table(title=f"less {experiment.baseline}, with 95 % interval", title_justify="left")
    for table, variants in ((scores, experiment.variants), (gaps, experiment.others)):
        table.add_column()
        for variant in variants:
            table.add_column(variant, justify="right")
    for metric in experiment.metrics:
        if metric.key in comparison.scores[experiment.baseline]:
            found = [comparison.scores[variant][metric.key] for variant in experiment.variants]
            scores.add_row(metric.title, *(_score_cell(metric, score) for score in found))
            differences = [comparison.differences[variant][metric.key] for variant in experiment.others]
            gaps.add_row(metric.title, *(metric.shown_gap_with_interval(difference) for difference in differences))
    scores.add_row("parameters", *(f"{experiment.parameters[variant]['total']:,}" for variant in experiment.variants))
    for cost in COSTS:
        means = [mean_cost(experiment.costs[variant], cost.key) for variant in experiment.variants]
        scores.add_row(cost.title, *("–" if mean is None else cost.shown(mean) for mean in means))
    console = Console()
    console.print(scores)
    console.print(_references_table(result))
    if experiment.others:
        console.print(gaps)
    console.print(result.verdict.sentence, style="bold", highlight=False, markup=False)
    remarks = [
        *result.verdict.warnings,
        *filter(None, [mixed_hardware(experiment.costs, experiment.seeds)]),
        *result.verdict.details,
        *result.verdict.remarks,
        measured_on(experiment.all_costs),
    ]
    for detail in remarks:
        console.print(detail, highlight=False, markup=False)


def _references_table(result: Result) -> Table:
    """The references, and how the variants stand to the linear model."""
    metric = result.experiment.metric
    table = Table(title="compared with simple models, with 95 % interval", title_justify="left")
    table.add_column()
    for column in (metric.title, "difference to the linear model", *(cost.title for cost in MEASURED)):
        table.add_column(column, justify="right")
    for title, score, gap, measured in table_rows(result.experiment, result.comparison, result.standing, metric.key):
        means = [mean_cost(measured, cost.key) for cost in MEASURED]
        table.add_row(
            title,
            f"{metric.shown(score.mean)} ({metric.shown(score.low)} to {metric.shown(score.high)})",
            "" if gap is None else f"{metric.shown_gap_with_interval(gap)}, {p_value(gap.p_value)}",
            *("–" if mean is None else cost.shown(mean) for cost, mean in zip(MEASURED, means, strict=True)),
        )
    return table


def _score_cell(metric: Metric, score: Score) -> str:
    deviation = "" if score.deviation is None else f" ± {metric.shown(score.deviation)}"
    return metric.shown(score.mean) + deviation
