"""The report's figures, drawn once with matplotlib: as PNG for README, DVC and MLflow, and as SVG for the page."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import Metric, calibration_bins, metric_named
from analysis.comparison.slices import LABEL, Interval, Slice, most_telling
from analysis.drawing.panels import INK, MUTED, Panel, Tips, name_rows, percent, point, short, styles
from analysis.report.confusion_figures import confusion_panels

ACCURACY = metric_named("accuracy")  # of slices, whatever the verdict rests on
MOST_LABELS = 12  # in the panel by label


def figures(experiment: Experiment, comparison: Comparison, slices: dict[str, list[Slice]]) -> dict[str, list[Panel]]:
    """All figures by file name (without its ending), in the order of the report."""
    decisive, *others = [m for m in experiment.metrics if m.key in comparison.scores[experiment.baseline]]
    result = {"scores": [_scores(experiment, comparison, decisive)]}
    if experiment.others:
        result["scores"].append(_differences(experiment, comparison))
    result["metrics"] = [_scores(experiment, comparison, metric) for metric in others]
    if slices:
        result["slices"] = [_slices(experiment, column, found) for column, found in slices.items()]
    result["learning_curves"] = [
        _curve(experiment, "validation accuracy, %", "validation_accuracy", 100.0),
        _curve(experiment, "validation loss (nats)", "validation_loss", 1.0),
        _curve(experiment, "training loss (nats)", "train_loss", 1.0),
    ]
    result["calibration"] = [_calibration(experiment)]
    result["confusion"] = confusion_panels(experiment, comparison)
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
        axes.set_xlabel("large: mean, 95 % interval; small: seeds")
        return tips

    title = f"test {metric.title}, %" if metric.percent else f"test {metric.title} (nats)"
    return Panel(title, 80 + 46 * len(experiment.variants), draw)


def _differences(experiment: Experiment, comparison: Comparison) -> Panel:
    metric = experiment.metric
    scale = metric.scale

    def draw(axes: Axes) -> Tips:
        tips = {}
        look = styles(experiment.variants)
        ends = [0.0]
        axes.axvline(0, color=INK, linewidth=1)
        for row, variant in enumerate(experiment.others):
            found = comparison.differences[variant][metric.key]
            reach = scale * min(found.smallest_detectable, metric.largest_difference)
            axes.fill_betweenx([row - 0.38, row + 0.38], -reach, reach, color=MUTED, alpha=0.15, linewidth=0)
            axes.plot([scale * found.low, scale * found.high], [row, row], color=look[variant].color, linewidth=2)
            point(axes, scale * found.value, row, look[variant], f"difference{row}", size=10)
            gap = _gap(metric, Interval(found.value, found.low, found.high))
            tips[f"difference{row}"] = (
                f"{variant} less {experiment.baseline}: {gap}; detectable from {metric.shown(reach / scale)}"
            )
            ends += [found.low, found.high]
        name_rows(axes, list(experiment.others))
        edge = 1.1 * scale * max(map(abs, ends))  # grey goes on beyond it where the design finds little
        axes.set_xlim(max(-edge, axes.get_xlim()[0]), min(edge, axes.get_xlim()[1]))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        what = "95 % interval" if metric.higher_is_better else "less is better"
        axes.set_xlabel(f"{what}; grey: less than 80 % power")
        return tips

    return Panel(f"difference to {experiment.baseline}, {metric.unit}", 80 + 46 * len(experiment.others), draw)


def _slices(experiment: Experiment, column: str, every: Sequence[Slice]) -> Panel:
    """One column; of many labels those that differ most, for the others are in the page's table."""
    slices = most_telling(every, MOST_LABELS) if column == LABEL else every
    look = styles(experiment.variants)
    step = 0.62 / len(look)

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, found in enumerate(slices):
            for rank, (variant, style) in enumerate(look.items()):
                accuracy, difference = found.scores[variant].accuracy, found.scores[variant].difference
                y = row + (rank - (len(look) - 1) / 2) * step
                axes.plot([100 * accuracy.low, 100 * accuracy.high], [y, y], color=style.color, lw=1.5, alpha=0.55)
                point(axes, 100 * accuracy.value, y, style, f"slice{row}-{rank}", size=6)
                tip = f"{variant}, {column} {found.value} ({found.documents:,} documents): {percent(accuracy.value)}"
                if difference is not None:
                    tip += f", {_gap(ACCURACY, difference)} against {experiment.baseline}"
                tips[f"slice{row}-{rank}"] = tip
        name_rows(axes, [f"{short(found.value)}\n{found.documents:,}" for found in slices])
        axes.set_xlabel("test accuracy, %, and 95 % interval")
        if len(experiment.others) == 1:
            _name_gaps(axes, [found.scores[experiment.others[0]].difference for found in slices])
        return tips

    title = f"by {column.replace('_', ' ')}"
    if len(slices) < len(every):
        title += f": {len(slices)} of {len(every)}, {'the largest gaps' if experiment.others else 'the lowest'}"
    return Panel(title, 70 + len(slices) * (20 + 12 * len(look)), draw)


def _name_gaps(axes: Axes, gaps: Sequence[Interval | None]) -> None:
    """Writes the differences to the baseline beside the rows, in bold where the interval leaves out 0."""
    place: dict[str, Any] = {"ha": "right", "va": "center", "transform": axes.get_yaxis_transform()}
    for row, gap in enumerate(gaps):
        if gap is not None:
            sure = gap.low > 0 or gap.high < 0
            shown = ACCURACY.shown_difference(gap.value)
            axes.text(1.13, row, shown, weight="bold" if sure else "normal", color=INK, **place)
    axes.text(1.13, -0.62, "gain", fontsize=10, color=MUTED, **place)


def _curve(experiment: Experiment, title: str, key: str, scale: float) -> Panel:
    alone = all(len(history) == 1 for seeds in experiment.histories for history in seeds)

    def draw(axes: Axes) -> Tips:
        tips = {}
        for rank, (variant, style) in enumerate(styles(experiment.variants).items()):
            seeds = experiment.histories[rank]
            epochs = range(max(len(history) for history in seeds))
            # A training that stopped early has no value in the later epochs.
            values = [[scale * history[epoch][key] for history in seeds if epoch < len(history)] for epoch in epochs]
            means = [float(np.mean(found)) for found in values]
            # In a single epoch the variants stand beside each other, and bands become bars.
            aside = 0.07 * (rank - (len(experiment.variants) - 1) / 2) if alone else 0
            numbers = [epoch + 1 + aside for epoch in epochs]
            axes.plot(numbers, means, color=style.color, linestyle=style.linestyle, linewidth=2)
            low, high = [min(found) for found in values], [max(found) for found in values]
            axes.fill_between(numbers, low, high, color=style.color, alpha=0.15, linewidth=0)
            if alone:
                axes.vlines(numbers, low, high, color=style.color, alpha=0.55)
            for epoch, number, mean in zip(epochs, numbers, means, strict=True):
                point(axes, number, mean, style, f"epoch{rank}-{epoch}", size=6)
                band = f" ({low[epoch]:.4g} to {high[epoch]:.4g})" if len(seeds) > 1 else ""
                tips[f"epoch{rank}-{epoch}"] = f"{variant}, epoch {epoch + 1}: {mean:.4g}{band}"
        if alone:
            axes.set(xlim=(0.5, 1.5), xticks=[1])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.set_xlabel("epoch" + ("; band: lowest to highest seed" if len(experiment.seeds) > 1 else ""))
        return tips

    return Panel(title, 250, draw)


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
                    f"{variant}: {confidence[index]:.1f} % sure, {accuracy[index]:.1f} % right "
                    f"({documents:,} predictions)"
                )
            lowest = min(lowest, confidence.min(), accuracy.min())
        edge = max(0.0, lowest - 5)
        axes.set(xlim=(edge, 102), ylim=(edge, 102))
        axes.set_xlabel("how sure it is, %")
        axes.set_ylabel("how often it is right, %")
        return tips

    return Panel("calibration", 300, draw)


def _gap(metric: Metric, gap: Interval) -> str:
    value, low, high = metric.shown_gap(*gap)
    return f"{value} {metric.unit} ({low} to {high})"
