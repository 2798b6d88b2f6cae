"""Writes what a comparison found: numbers for DVC, figures, the page, and a table in the terminal."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analysis.comparison.costs import COSTS, mean_cost, measured_on, mixed_hardware
from analysis.comparison.differences import Comparison, Difference, Score
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import Metric
from analysis.comparison.slices import Slice
from analysis.comparison.standing import MEASURED, table_rows
from analysis.drawing.render import panels_png
from analysis.report.figures import figures
from analysis.report.page import render
from analysis.report.result import Result
from analysis.report.searches import forest_panels, settings_summary, tuning_summary
from analysis.tuning.figures import tuning_panels
from analysis.verdict.phrases import p_value
from core import file_io
from core.paths import REPORTS


def write(result: Result) -> None:
    """Writes to reports/. The page shows measured times, so unlike the rest it is not an output of DVC."""
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
        path.write_text(render(result, drawn), encoding="utf-8")


def _summary(result: Result) -> dict[str, Any]:
    """All results except those in reports/plots."""
    experiment, comparison = result.experiment, result.comparison
    more = {}
    if result.tuning is not None:
        more["tuning"] = tuning_summary(result.tuning)
    if result.under_settings is not None:
        more["settings"] = settings_summary(experiment, result.under_settings)
    summary = {
        "verdict": result.verdict.sentence_without_costs,
        "warnings": result.verdict.warnings,
        "data": experiment.data_shown,
        "baseline": experiment.baseline,
        "metric": experiment.metric.key,
        "soundness": {kind: list(variants) for kind, variants in result.soundness.by_kind().items()},
        "seeds": list(experiment.seeds),
        **({} if experiment.folds is None else {"folds": experiment.fold_count}),
        **({"test_documents_in_training": experiment.leaked} if experiment.is_leaky else {}),
        "documents": len(experiment.labels),
        "variants": {
            variant: {
                "parameters": experiment.parameters[variant]["total"],
                **{
                    key: {"mean": score.mean, "deviation": score.deviation, "low": score.low, "high": score.high}
                    for key, score in scores.items()
                },
            }
            for variant, scores in comparison.scores.items()
        },
        "references": {
            name: {
                "parameters": result.standing.references[name].parameters,
                **_single_scores(scores),
            }
            for name, scores in result.standing.scores.items()
        },
        **_ensembles(experiment, result.ensembles),
        "differences_to_linear": {
            variant: {key: asdict(gap) for key, gap in gaps.items()} for variant, gaps in result.standing.gaps.items()
        },
        "differences": {
            variant: {
                key: asdict(difference) if key == experiment.metric.key else _plain(difference)
                for key, difference in differences.items()
            }
            for variant, differences in comparison.differences.items()
        },
    }
    return summary | more


def _single_scores(scores: Mapping[str, Score]) -> dict[str, dict[str, float]]:
    """The scores of a model without several seeds, by metric."""
    return {key: {"value": score.mean, "low": score.low, "high": score.high} for key, score in scores.items()}


def _plain(difference: Difference) -> dict[str, float]:
    """A difference without what only the metric that decides the verdict has."""
    return {key: getattr(difference, key) for key in ("value", "low", "high", "p_value")}


def _ensembles(experiment: Experiment, ensembles: Comparison | None) -> dict[str, Any]:
    """Scores and differences of the ensembles; of the metric that decides, with the corrected p-value."""
    if ensembles is None:
        return {"ensembles": {}, "ensemble_differences": {}}
    decisive = experiment.metric.key
    differences = {
        variant: {
            key: _plain(gap) | ({"p_value_corrected": gap.p_value_corrected} if key == decisive else {})
            for key, gap in gaps.items()
        }
        for variant, gaps in ensembles.differences.items()
    }
    scores = {variant: _single_scores(scores) for variant, scores in ensembles.scores.items()}
    return {"ensembles": scores, "ensemble_differences": differences}


def _metrics(result: Result) -> dict[str, dict[str, float]]:
    """What `dvc metrics` and `dvc exp show` list. Each number becomes a column, of which a terminal shows seven."""
    comparison = result.comparison
    metrics = {variant: {"accuracy": scores["accuracy"].mean} for variant, scores in comparison.scores.items()}
    for variant, differences in comparison.differences.items():
        difference = differences["accuracy"]
        interval = {"difference": difference.value, "low": difference.low, "high": difference.high}
        metrics[variant] |= interval | {"p": difference.p_value_corrected}
    return metrics


def _plot_rows(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Rows for `dvc plots`, by file name."""
    experiment, comparison = result.experiment, result.comparison
    runs, trainings = (
        [
            (rank, variant, index, seed)
            for rank, variant in enumerate(experiment.variants)
            for index, seed in enumerate(numbers)
        ]
        for numbers in (experiment.seeds, experiment.trainings)
    )
    return {
        "scores": [
            {"variant": variant, "seed": seed, **{key: score.values[index] for key, score in scores.items()}}
            for _, variant, index, seed in runs
            for scores in [comparison.scores[variant]]
        ],
        "learning_curves": [
            {"variant": variant, "seed": seed, **epoch}
            for rank, variant, index, seed in trainings
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
    """Rounds floats to six significant digits, which suffice and are the same on every machine."""
    if isinstance(content, float):
        return float(f"{content:.6g}")
    if isinstance(content, dict):
        return {str(key): _rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_rounded(value) for value in content]
    return content


def show(result: Result) -> None:
    """Prints the results in the terminal."""
    experiment, comparison = result.experiment, result.comparison
    scores = Table(
        title=f"{escape(experiment.data_shown)}: {len(experiment.labels):,} test documents", title_justify="left"
    )
    gaps = Table(title=f"difference from {experiment.baseline}, with 95 % interval", title_justify="left")
    for table, variants in ((scores, experiment.variants), (gaps, experiment.others)):
        table.add_column()
        for variant in variants:
            table.add_column(variant, justify="right")
    for metric in experiment.metrics:
        if metric.key in comparison.scores[experiment.baseline]:
            scores_of_variants = [comparison.scores[variant][metric.key] for variant in experiment.variants]
            scores.add_row(metric.title, *(_score_cell(metric, score) for score in scores_of_variants))
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
        *filter(None, [mixed_hardware(experiment.costs, experiment.trainings)]),
        *result.verdict.details,
        *result.verdict.remarks,
        measured_on(experiment.all_costs),
    ]
    for detail in remarks:
        console.print(detail, highlight=False, markup=False)


def _references_table(result: Result) -> Table:
    """The references, how the variants compare with the linear model, and the variants' ensembles."""
    metric = result.experiment.metric
    table = Table(title="compared with simple models, with 95 % interval", title_justify="left")
    table.add_column()
    for column in (metric.title, "difference from the linear model", *(cost.title for cost in MEASURED)):
        table.add_column(column, justify="right")
    rows = table_rows(result.experiment, result.comparison, result.ensembles, result.standing, metric.key)
    for title, score, gap, measured in rows:
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
