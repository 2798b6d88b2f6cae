"""The report's figures as panels, which analysis/drawing/render.py draws: PNG for DVC and MLflow, SVG for the page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import Interval, Metric, calibration_bins, metric_named
from analysis.comparison.slices import LABEL, Slice, most_telling
from analysis.drawing.confusion_figures import confusion_panels
from analysis.drawing.curves import curve_panel
from analysis.drawing.panels import INK, MUTED, Panel, Tips, name_rows, percent, point, styles
from analysis.verdict.phrases import short

ACCURACY = metric_named("accuracy")  # of slices, whatever metric decides the verdict
MOST_LABELS = 12  # in the panel by label


def figures(experiment: Experiment, comparison: Comparison, slices: dict[str, list[Slice]]) -> dict[str, list[Panel]]:
    """All figures by file name (without its ending), in the order of the report."""
    decisive, *others = [m for m in experiment.metrics if m.key in comparison.scores[experiment.baseline]]
    result = {"scores": [_scores(experiment, comparison, decisive)]}
    if experiment.others:
        result["scores"].append(_differences(experiment, comparison))
    result["metrics"] = [_scores(experiment, comparison, metric) for metric in others]
    if slices:
        result["slices"] = [_slices(experiment, column, parts) for column, parts in slices.items()]
    result["learning_curves"] = [
        _curve(experiment, "validation accuracy, %", "validation_accuracy", 100.0),
        _curve(experiment, "validation loss (nats)", "validation_loss"),
        _curve(experiment, "training loss (nats)", "train_loss"),
    ]
    result["calibration"] = [_calibration(experiment)]
    result["confusion"] = confusion_panels(experiment.classes, comparison.confusion)
    return result


def _scores(experiment: Experiment, comparison: Comparison, metric: Metric) -> Panel:
    scale = metric.scale

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, (variant, style) in enumerate(styles(experiment.variants).items()):
            score = comparison.scores[variant][metric.key]
            interval = f"{metric.shown(score.low)} to {metric.shown(score.high)}"
            tips[f"mean{row}"] = f"{variant}: {metric.shown_with_unit(score.mean)} (95 % interval {interval})"
            ends = [scale * score.low, scale * score.high]
            axes.plot(ends, [row, row], color=style.color, linewidth=2, alpha=0.55)
            point(axes, scale * score.mean, row, style, f"mean{row}", size=10)
            for index, (seed, value) in enumerate(zip(experiment.seeds, score.values, strict=True)):
                tips[f"seed{row}-{index}"] = f"{variant}, seed {seed}: {metric.shown_with_unit(value)}"
                point(axes, scale * value, row + 0.3, style, f"seed{row}-{index}", size=5, filled=False)
        name_rows(axes, list(experiment.variants))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.set_xlabel("large: mean with 95 % interval; small: each seed")
        return tips

    return Panel(f"test {metric.axis}", 80 + 46 * len(experiment.variants), draw)


def _differences(experiment: Experiment, comparison: Comparison) -> Panel:
    metric = experiment.metric
    scale = metric.scale

    def draw(axes: Axes) -> Tips:
        tips = {}
        look = styles(experiment.variants)
        ends = [0.0]
        axes.axvline(0, color=INK, linewidth=1)
        for row, variant in enumerate(experiment.others):
            difference = comparison.differences[variant][metric.key]
            reach = scale * min(difference.smallest_detectable, metric.largest_difference)
            axes.fill_betweenx([row - 0.38, row + 0.38], -reach, reach, color=MUTED, alpha=0.15, linewidth=0)
            axes.plot(
                [scale * difference.low, scale * difference.high], [row, row], color=look[variant].color, linewidth=2
            )
            point(axes, scale * difference.value, row, look[variant], f"difference{row}", size=10)
            gap = metric.shown_gap_with_interval(difference, f" {metric.unit}")
            tips[f"difference{row}"] = (
                f"{variant} minus {experiment.baseline}: {gap}; "
                f"80 % power for differences of {metric.shown(reach / scale)} or more"
            )
            ends += [difference.low, difference.high]
        name_rows(axes, list(experiment.others))
        edge = 1.1 * scale * max(map(abs, ends))  # grey continues beyond it where power is low
        axes.set_xlim(max(-edge, axes.get_xlim()[0]), min(edge, axes.get_xlim()[1]))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        what = "95 % interval" if metric.higher_is_better else "lower is better"
        axes.set_xlabel(f"{what}; grey: less than 80 % power")
        return tips

    return Panel(f"difference from {experiment.baseline}, {metric.unit}", 80 + 46 * len(experiment.others), draw)


def _slices(experiment: Experiment, column: str, every: Sequence[Slice]) -> Panel:
    """One column; of many labels those that differ most, the others are in the page's table."""
    slices = most_telling(every, MOST_LABELS) if column == LABEL else every
    look = styles(experiment.variants)
    step = 0.62 / len(look)

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, part in enumerate(slices):
            for rank, (variant, style) in enumerate(look.items()):
                accuracy, difference = part.scores[variant].accuracy, part.scores[variant].difference
                y = row + (rank - (len(look) - 1) / 2) * step
                axes.plot([100 * accuracy.low, 100 * accuracy.high], [y, y], color=style.color, lw=1.5, alpha=0.55)
                point(axes, 100 * accuracy.value, y, style, f"slice{row}-{rank}", size=6)
                tip = f"{variant}, {column} {part.value} ({part.documents:,} documents): {percent(accuracy.value)}"
                if difference is not None:
                    gap = ACCURACY.shown_gap_with_interval(difference, " points")
                    tip += f", {gap} compared with {experiment.baseline}"
                tips[f"slice{row}-{rank}"] = tip
        name_rows(axes, [f"{short(part.value, 18)}\n{part.documents:,}" for part in slices])
        axes.set_xlabel("test accuracy, %, with 95 % interval")
        if len(experiment.others) == 1:
            _name_gaps(axes, [part.scores[experiment.others[0]].difference for part in slices])
        return tips

    title = f"by {column.replace('_', ' ')}"
    if len(slices) < len(every):
        title += f": {len(slices)} of {len(every)}, {'the largest gaps' if experiment.others else 'the lowest'}"
    return Panel(title, 70 + len(slices) * (20 + 12 * len(look)), draw)


def _name_gaps(axes: Axes, gaps: Sequence[Interval | None]) -> None:
    """Writes the differences from the baseline beside the rows, in bold if the interval excludes 0."""
    place: dict[str, Any] = {"ha": "right", "va": "center", "transform": axes.get_yaxis_transform()}
    for row, gap in enumerate(gaps):
        if gap is not None:
            sure = gap.low > 0 or gap.high < 0
            shown = ACCURACY.shown_difference(gap.value)
            axes.text(1.13, row, shown, weight="bold" if sure else "normal", color=INK, **place)
    axes.text(1.13, -0.62, "gain, points", fontsize=10, color=MUTED, **place)


def _curve(experiment: Experiment, title: str, key: str, scale: float = 1.0) -> Panel:
    trainings = {
        variant: [[scale * epoch[key] for epoch in history] for history in histories]
        for variant, histories in zip(experiment.variants, experiment.histories, strict=True)
    }
    return curve_panel(title, trainings)


def _calibration(experiment: Experiment) -> Panel:
    def draw(axes: Axes) -> Tips:
        tips = {}
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle=":")
        lowest = 100.0
        for rank, (variant, style) in enumerate(styles(experiment.variants).items()):
            pooled = experiment.probabilities[rank].reshape(-1, len(experiment.classes))  # (seeds * n, classes)
            bins = calibration_bins(np.tile(experiment.labels, len(experiment.seeds)), pooled, number=10)
            confidence, accuracy = 100 * bins.confidence, 100 * bins.accuracy
            axes.plot(confidence, accuracy, color=style.color, linestyle=style.linestyle, linewidth=2)
            for index, documents in enumerate(bins.documents):
                point(axes, confidence[index], accuracy[index], style, f"bin{rank}-{index}", size=7)
                tips[f"bin{rank}-{index}"] = (
                    f"{variant}: {confidence[index]:.1f} % confident, {accuracy[index]:.1f} % right "
                    f"({documents:,} predictions)"
                )
            lowest = min(lowest, confidence.min(), accuracy.min())
        edge = max(0.0, lowest - 5)
        axes.set(xlim=(edge, 102), ylim=(edge, 102))
        axes.set_xlabel("confidence, %")
        axes.set_ylabel("accuracy, %")
        return tips

    return Panel("calibration", 300, draw)
