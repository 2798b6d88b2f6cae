"""The report's figures, drawn once with matplotlib: as PNG for README, DVC and MLflow, and as SVG for the page.

A figure is a row of panels, each readable on a phone by itself. A variant has its colour, marker and dash everywhere,
so that no figure needs colour vision (colours: M. Okabe and K. Ito, "Color Universal Design", 2008).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from analysis.comparison import Comparison
from analysis.experiment import Experiment
from analysis.metrics import Metric, calibration_bins, metric_named
from analysis.slices import Interval, Slice

INK, MUTED, GRID = "#1f2328", "#68707c", "#dde1e6"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#e69f00", "#56b4e9", "#8c6d1f", "#555577")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
ACCURACY = metric_named("accuracy")  # of slices, whatever the verdict rests on
MOST_CLASSES = 20  # of a confusion matrix that is still readable; the others are left out

Tips = dict[str, str]


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Attributes:
        title: what it shows
        height: in points; the width is 360
        draw: draws on the axes and returns {gid of an artist: the text shown when it is pointed at}
    """

    title: str
    height: float
    draw: Callable[[Axes], Tips]


@dataclass(frozen=True)
class Style:
    """How one variant is drawn."""

    color: str
    marker: str
    linestyle: Any


def styles(variants: Sequence[str]) -> dict[str, Style]:
    """The look of each variant, the same in every figure."""
    return {
        variant: Style(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)])
        for i, variant in enumerate(variants)
    }


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
    result["confusion"] = [_confusion(experiment, comparison, variant) for variant in experiment.variants]
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
            _point(axes, scale * score.mean, row, style, f"mean{row}", size=10)
            for index, (seed, value) in enumerate(zip(experiment.seeds, score.values, strict=True)):
                tips[f"seed{row}-{index}"] = f"{variant}, seed {seed}: {metric.shown_with_unit(value)}"
                _point(axes, scale * value, row + 0.3, style, f"seed{row}-{index}", size=5, filled=False)
        _rows(axes, list(experiment.variants))
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
            _point(axes, scale * found.value, row, look[variant], f"difference{row}", size=10)
            gap = _gap(metric, Interval(found.value, found.low, found.high))
            tips[f"difference{row}"] = (
                f"{variant} less {experiment.baseline}: {gap}; detectable from {metric.shown(reach / scale)}"
            )
            ends += [found.low, found.high]
        _rows(axes, list(experiment.others))
        edge = 1.1 * scale * max(map(abs, ends))  # grey goes on beyond it where the design finds little
        axes.set_xlim(max(-edge, axes.get_xlim()[0]), min(edge, axes.get_xlim()[1]))
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        what = "95 % interval" if metric.higher_is_better else "less is better"
        axes.set_xlabel(f"{what}; grey: too small to find")
        return tips

    return Panel(f"difference to {experiment.baseline}, {metric.unit}", 80 + 46 * len(experiment.others), draw)


def _slices(experiment: Experiment, column: str, slices: Sequence[Slice]) -> Panel:
    look = styles(experiment.variants)
    step = 0.62 / len(look)

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, found in enumerate(slices):
            for rank, (variant, style) in enumerate(look.items()):
                accuracy, difference = found.scores[variant].accuracy, found.scores[variant].difference
                y = row + (rank - (len(look) - 1) / 2) * step
                axes.plot([100 * accuracy.low, 100 * accuracy.high], [y, y], color=style.color, lw=1.5, alpha=0.55)
                _point(axes, 100 * accuracy.value, y, style, f"slice{row}-{rank}", size=6)
                tip = f"{variant}, {column} {found.value} ({found.documents:,} documents): {_percent(accuracy.value)}"
                if difference is not None:
                    tip += f", {_gap(ACCURACY, difference)} against {experiment.baseline}"
                tips[f"slice{row}-{rank}"] = tip
        _rows(axes, [f"{_short(found.value)}\n{found.documents:,}" for found in slices])
        axes.set_xlabel("test accuracy, %, and 95 % interval")
        if len(experiment.others) == 1:
            _name_gaps(axes, [found.scores[experiment.others[0]].difference for found in slices])
        return tips

    return Panel(f"by {column}", 70 + len(slices) * (20 + 12 * len(look)), draw)


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
                _point(axes, number, mean, style, f"epoch{rank}-{epoch}", size=6)
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
                _point(axes, confidence[index], accuracy[index], style, f"bin{rank}-{index}", size=7)
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


def _confusion(experiment: Experiment, comparison: Comparison, variant: str) -> Panel:
    counts = comparison.confusion[variant]
    shown = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
    names = [_short(experiment.classes[index], 12) for index in shown]
    left_out = len(experiment.classes) - len(shown)
    color = styles(experiment.variants)[variant].color

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, actual in enumerate(shown):
            for column, predicted in enumerate(shown):
                count = counts[actual, predicted]
                share = count / max(counts[actual].sum(), 1)
                gid = f"cell{row}-{column}"
                corner = (column - 0.48, row - 0.48)
                axes.add_patch(Rectangle(corner, 0.96, 0.96, color=color, alpha=0.04 + 0.6 * share, lw=0, gid=gid))
                tips[gid] = (
                    f"{variant}: of {experiment.classes[actual]}, {count:,.1f} documents ({_percent(share)}) "
                    f"classified as {experiment.classes[predicted]}"
                )
                if len(shown) <= 10:
                    axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=INK)
        axes.set(xlim=(-0.5, len(shown) - 0.5), ylim=(len(shown) - 0.5, -0.5), aspect="equal")
        axes.set_xticks(
            range(len(shown)), names, rotation=45 if len(shown) > 3 else 0, ha="right" if len(shown) > 3 else "center"
        )
        axes.set_yticks(range(len(shown)), names)
        axes.grid(False)
        axes.set_xlabel("predicted; % of the true class" + (f"; {left_out} rarer classes left out" if left_out else ""))
        axes.set_ylabel("true")
        return tips

    return Panel(f"confusion: {variant}", 330, draw)


def legend_handles(variants: Sequence[str]) -> list[Line2D]:
    """What a legend of the variants shows."""
    return [
        Line2D([], [], color=style.color, marker=style.marker, linestyle=style.linestyle, label=variant)
        for variant, style in styles(variants).items()
    ]


def _point(axes: Axes, x: float, y: float, style: Style, gid: str, size: float, filled: bool = True) -> None:
    face = style.color if filled else "none"
    axes.plot(
        [x],
        [y],
        marker=style.marker,
        markersize=size,
        color=style.color,
        markerfacecolor=face,
        linestyle="none",
        gid=gid,
    )


def _rows(axes: Axes, names: Sequence[str]) -> None:
    """Names the rows 0, 1, … from the top down."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(False, axis="y")


def _gap(metric: Metric, gap: Interval) -> str:
    value, low, high = metric.shown_gap(*gap)
    return f"{value} {metric.unit} ({low} to {high})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
