"""Confusion matrices as panels: one for each name (a variant or training), and the most confused pairs of classes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from analysis.comparison.confusions import Counts, classes_to_show, most_confused
from analysis.drawing.panels import INK, Panel, Style, Tips, name_rows, percent, point, styles
from analysis.drawing.render import panels_figure
from analysis.verdict.phrases import short

FEW_CLASSES = 10  # up to here the matrix alone says enough
MOST_CLASSES = 20  # more would not be readable in one matrix; then the SHOWN_CLASSES most confused ones are drawn
SHOWN_CLASSES = 12
SHOWN_PAIRS = 10


def confusion_panels(classes: Sequence[str], counts: Mapping[str, Counts]) -> list[Panel]:
    """A matrix for each name, all of the same classes; if there are many, the most confused pairs come first.

    Args:
        classes: their names
        counts: documents by true class (row) and predicted class (column), (classes, classes) for each name
    """
    total = np.sum(list(counts.values()), axis=0)  # (classes, classes)
    shown = classes_to_show(total, len(classes) if len(classes) <= MOST_CLASSES else SHOWN_CLASSES)
    look = styles(list(counts))
    matrices = [_matrix(classes, counts[name], name, look[name].color, shown) for name in counts]
    if len(classes) <= FEW_CLASSES or not most_confused(total, 1):
        return matrices
    return [_pairs(classes, counts, total, look), *matrices]


def confusion_matrix(classes: Sequence[str], counts: Sequence[Sequence[int]], name: str) -> Figure:
    """The same panels for one training or reference, for its MLflow run."""
    return panels_figure(confusion_panels(classes, {name: np.array(counts)}), [])


def _pairs(classes: Sequence[str], counts: Mapping[str, Counts], total: Counts, look: Mapping[str, Style]) -> Panel:
    pairs = most_confused(total, SHOWN_PAIRS)
    step = 0.62 / len(look)

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, (actual, predicted) in enumerate(pairs):
            for rank, (name, style) in enumerate(look.items()):
                count, gid = counts[name][actual, predicted], f"pair{row}-{rank}"
                point(axes, count, row + (rank - (len(look) - 1) / 2) * step, style, gid, size=7)
                tips[gid] = _tip(classes, counts[name], name, actual, predicted)
        names = [(short(classes[actual], 24), short(classes[predicted], 24)) for actual, predicted in pairs]
        name_rows(axes, [f"{actual}\n→ {predicted}" for actual, predicted in names])
        axes.tick_params(axis="y", labelsize=9.5)
        axes.grid(True, axis="x")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("documents, mean over seeds")
        return tips

    return Panel("most confused: true → predicted", 70 + len(pairs) * max(32, 12 + 12 * len(look)), draw)


def _tip(classes: Sequence[str], counts: Counts, name: str, actual: int, predicted: int) -> str:
    share = counts[actual, predicted] / max(counts[actual].sum(), 1)
    return (
        f"{name}: {counts[actual, predicted]:,.1f} documents of {classes[actual]} ({percent(share)}) "
        f"classified as {classes[predicted]}"
    )


def _matrix(classes: Sequence[str], counts: Counts, name: str, color: str, shown: list[int]) -> Panel:
    names = [short(classes[index], 12) for index in shown]
    size = 12.5 if len(shown) <= 6 else 10 if len(shown) <= SHOWN_CLASSES else 8.5  # of labels

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, actual in enumerate(shown):
            for column, predicted in enumerate(shown):
                share = counts[actual, predicted] / max(counts[actual].sum(), 1)
                gid = f"cell{row}-{column}"
                corner = (column - 0.48, row - 0.48)
                axes.add_patch(Rectangle(corner, 0.96, 0.96, color=color, alpha=0.04 + 0.6 * share, lw=0, gid=gid))
                tips[gid] = _tip(classes, counts, name, actual, predicted)
                if len(shown) <= SHOWN_CLASSES:
                    axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=INK, fontsize=size)
        axes.set(xlim=(-0.5, len(shown) - 0.5), ylim=(len(shown) - 0.5, -0.5), aspect="equal")
        upright = len(shown) > 3
        axes.set_xticks(range(len(shown)), names, rotation=45 if upright else 0, ha="right" if upright else "center")
        axes.set_yticks(range(len(shown)), names)
        axes.tick_params(labelsize=size)
        axes.grid(False)
        axes.set_xlabel("predicted; % of the true class")
        axes.set_ylabel("true")
        return tips

    of = f" ({len(shown)} of {len(classes)} classes)" if len(shown) < len(classes) else ""
    return Panel(f"confusion: {name}{of}", 330 if len(shown) <= FEW_CLASSES else 380, draw)
