"""The comparison as tables for papers: CSV with every number, Markdown and LaTeX (booktabs) with the main ones.

All numbers are those of reports/comparison.json, the only input.
"""

import csv
import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from analysis.comparison.metrics import METRICS, Interval, Metric, metric_named
from analysis.comparison.standing import TITLES
from analysis.verdict.phrases import p_value

Comparison = Mapping[str, Any]

CSV_COLUMNS = (
    "data", "model", "kind", "parameters", "metric", "mean", "deviation", "low", "high",
    "difference", "difference_low", "difference_high", "p_value", "p_value_corrected",
)  # fmt: skip

_GAP_COLUMNS = {
    "value": "difference", "low": "difference_low", "high": "difference_high",
    "p_value": "p_value", "p_value_corrected": "p_value_corrected",
}  # fmt: skip

_LATEX = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "−": "$-$", "±": "$\\pm$", "<": "$<$", ">": "$>$", "–": "--",
}  # fmt: skip


class Table(NamedTuple):
    """A table of text: the first column is left-aligned, the others right-aligned."""

    caption: str
    head: list[str]
    rows: list[list[str]]


def as_csv(comparison: Comparison) -> str:
    """A line for each model and metric: shares from 0 to 1, losses in nats; empty where there is no number.

    For a variant: mean and deviation over seeds, the interval over seeds and test documents, and the difference from
    the baseline. For a simple model or a variant's ensemble: its value and the interval over test documents.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    kinds = {"variant": "variants", "ensemble": "ensembles", "reference": "references"}
    differences = {"variant": comparison["differences"], "ensemble": comparison["ensemble_differences"]}
    for kind, key in kinds.items():
        for model, scores in comparison[key].items():
            gaps = differences.get(kind, {}).get(model, {})
            parameters = _parameters(comparison, kind, model)
            for metric in METRICS:
                if metric.key in scores:
                    row = {"data": comparison["data"], "model": model, "kind": kind, "parameters": parameters}
                    numbers = _numbers(scores[metric.key], gaps.get(metric.key))
                    writer.writerow(row | {"metric": metric.key} | numbers)
    return stream.getvalue()


def _parameters(comparison: Comparison, kind: str, model: str) -> int:
    """An ensemble has as many as its trainings together."""
    if kind == "ensemble":
        return int(comparison["variants"][model]["parameters"]) * len(comparison["seeds"])
    return int(comparison[f"{kind}s"][model]["parameters"])


def _numbers(score: Mapping[str, Any], gap: Mapping[str, Any] | None) -> dict[str, Any]:
    """The columns of CSV for one metric; of a variant `mean` is over seeds, of another model its only value."""
    numbers = {"mean" if key == "value" else key: value for key, value in score.items()}
    if gap is not None:
        numbers |= {_GAP_COLUMNS[key]: gap[key] for key in _GAP_COLUMNS if key in gap}
    return numbers


def main_table(comparison: Comparison) -> Table:
    """The models with the deciding metric, accuracy and macro F1, and each variant's difference from the baseline."""
    decisive, baseline = metric_named(comparison["metric"]), comparison["baseline"]
    keys = dict.fromkeys((decisive.key, "accuracy", "macro_f1"))
    metrics = [metric_named(key) for key in keys]
    head = ["model", "parameters", *(f"{metric.title} ({_unit(metric)})" for metric in metrics)]
    others = bool(comparison["differences"])
    if others:
        head += [f"difference in {decisive.title} (95 % interval)", "p"]
    rows = []
    for variant, scores in comparison["variants"].items():
        row = [variant, f"{scores['parameters']:,}", *(_mean(metric, scores[metric.key]) for metric in metrics)]
        rows.append(row + (_gap(decisive, comparison["differences"].get(variant)) if others else []))
    for variant, scores in comparison["ensembles"].items():
        shown = [_with_interval(metric, scores[metric.key]) for metric in metrics]
        row = [f"{variant}, ensemble", f"{_parameters(comparison, 'ensemble', variant):,}", *shown]
        rows.append(row + (_gap(decisive, comparison["ensemble_differences"].get(variant)) if others else []))
    for name, scores in comparison["references"].items():
        values = [_with_interval(metric, scores[metric.key]) for metric in metrics]
        row = [TITLES.get(name, name), f"{scores['parameters']:,}", *values]
        rows.append(row + (["–", "–"] if others else []))
    return Table(_caption(comparison, baseline), head, rows)


def as_markdown(comparison: Comparison) -> str:
    """The main table, below the verdict with its warnings."""
    table = main_table(comparison)
    align = ["---", *(["--:"] * (len(table.head) - 1))]
    rows = [map(markdown, table.head), align, *(map(markdown, row) for row in table.rows)]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    before = map(markdown, (comparison["verdict"], *comparison["warnings"]))
    return "\n\n".join([*before, lines, markdown(table.caption)]) + "\n"


def as_latex(comparison: Comparison) -> str:
    """The main table for LaTeX with the package booktabs; the verdict and its warnings stand in the caption."""
    table = main_table(comparison)
    head, *rows = (" & ".join(map(latex, row)) + r" \\" for row in (table.head, *table.rows))
    variants = len(comparison["variants"])
    caption = " ".join([comparison["verdict"], *comparison["warnings"], table.caption])
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
        r"\toprule",
        head,
        r"\midrule",
        *rows[:variants],
        *([r"\midrule"] if rows[variants:] else []),
        *rows[variants:],
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def citation(name: str, version: str, description: str) -> str:
    """How to cite the software, as BibTeX."""
    key = re.sub(r"\W", "_", name)
    fields = {"author": f"{{{name} contributors}}", "title": f"{latex(name)}: {latex(description)}", "version": version}
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items()]
    return "\n".join([f"@software{{{key},", *lines, "}"]) + "\n"


def markdown(text: str) -> str:
    r"""The text with what Markdown would read as markup escaped.

    >>> markdown("*bold* <b> a|b, p < 0.001")
    '\\*bold\\* \\<b> a\\|b, p < 0.001'
    """
    return re.sub(r"[\\`*\[\]|]|<(?=[A-Za-z/!?])", r"\\\g<0>", text)


def latex(text: str) -> str:
    r"""The text with LaTeX's special characters escaped.

    >>> latex("stacked_lstm: −1.2 ± 0.3 %")
    'stacked\\_lstm: $-$1.2 $\\pm$ 0.3 \\%'
    """
    return "".join(_LATEX.get(character, character) for character in text)


def _mean(metric: Metric, score: Mapping[str, float | None]) -> str:
    mean, deviation = score["mean"], score["deviation"]
    assert mean is not None and score["low"] is not None and score["high"] is not None
    spread = "" if deviation is None else f" ± {metric.shown(deviation)}"
    return f"{metric.shown(mean)}{spread} ({metric.shown(score['low'])} to {metric.shown(score['high'])})"


def _with_interval(metric: Metric, score: Mapping[str, float]) -> str:
    return f"{metric.shown(score['value'])} ({metric.shown(score['low'])} to {metric.shown(score['high'])})"


def _gap(metric: Metric, differences: Mapping[str, Any] | None) -> list[str]:
    """The cells of difference and p-value; dashes for the baseline, which has neither."""
    if differences is None:
        return ["–", "–"]
    gap = differences[metric.key]
    shown = metric.shown_gap_with_interval(Interval(gap["value"], gap["low"], gap["high"]))
    return [shown, p_value(gap["p_value_corrected"]).removeprefix("p ").removeprefix("= ")]


def _caption(comparison: Comparison, baseline: str) -> str:
    seeds, others = len(comparison["seeds"]), len(comparison["differences"])
    listed_seeds = ", ".join(map(str, comparison["seeds"]))
    spread, unit = f", seed {listed_seeds}", "seeds"
    if seeds > 1:
        spread = f", mean ± standard deviation over {seeds} seeds ({listed_seeds})"
    if folds := comparison.get("folds"):
        spread, unit = f", {seeds} × {folds}-fold cross-validation", "repetitions"
    caption = (
        f"{comparison['data']}, {comparison['documents']:,} test documents{spread}; 95 % intervals in parentheses."
    )
    if others:
        caption += f" Differences from {baseline} are in {metric_named(comparison['metric']).unit}, with 95 % intervals"
        caption += f" over {unit} and test documents" if seeds > 1 else " over test documents"
        caption += " in folds" if folds else ""
        caption += "; p-values are corrected by Holm's method." if others > 1 else "."
    if comparison["ensembles"]:
        caption += " An ensemble averages the trainings' probabilities; its intervals, and those of the simple models,"
        caption += " are over test documents."
    return caption


def _unit(metric: Metric) -> str:
    return "%" if metric.percent else "nats"
