"""What the variants mix up, as panels: a matrix each, and, where classes are many, the pairs that are confused most."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from analysis.comparison.confusions import Counts, classes_to_show, most_confused
from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.drawing.panels import INK, Panel, Tips, name_rows, percent, point, short, styles

FEW_CLASSES = 10  # whose matrix says all at a glance
MOST_CLASSES = 20  # of a matrix that is still readable; of more classes the most confused are shown:
SHOWN_CLASSES = 12
SHOWN_PAIRS = 10


def confusion_panels(experiment: Experiment, comparison: Comparison) -> list[Panel]:
    """The matrix of each variant, of the same classes; before them the most confused pairs, if classes are many."""
    together = np.sum([comparison.confusion[variant] for variant in experiment.variants], axis=0)  # (classes, classes)
    classes = len(experiment.classes)
    shown = classes_to_show(together, classes if classes <= MOST_CLASSES else SHOWN_CLASSES)
    matrices = [_matrix(experiment, comparison.confusion[variant], variant, shown) for variant in experiment.variants]
    if classes <= FEW_CLASSES or not most_confused(together, 1):
        return matrices
    return [_pairs(experiment, comparison, together), *matrices]


def _pairs(experiment: Experiment, comparison: Comparison, together: Counts) -> Panel:
    pairs = most_confused(together, SHOWN_PAIRS)
    look = styles(experiment.variants)
    step = 0.62 / len(look)

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, (actual, predicted) in enumerate(pairs):
            for rank, (variant, style) in enumerate(look.items()):
                counts = comparison.confusion[variant]
                count, gid = counts[actual, predicted], f"pair{row}-{rank}"
                point(axes, count, row + (rank - (len(look) - 1) / 2) * step, style, gid, size=7)
                tips[gid] = (
                    f"{variant}: {count:,.1f} documents of {experiment.classes[actual]} "
                    f"({percent(count / max(counts[actual].sum(), 1))}) classified as {experiment.classes[predicted]}"
                )
        names = experiment.classes
        name_rows(axes, [f"{short(names[actual], 24)}\n→ {short(names[predicted], 24)}" for actual, predicted in pairs])
        axes.tick_params(axis="y", labelsize=9.5)
        axes.grid(True, axis="x")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("documents, mean over seeds")
        return tips

    return Panel("mixed up most: true → taken for", 70 + len(pairs) * max(32, 12 + 12 * len(look)), draw)


def _matrix(experiment: Experiment, counts: Counts, variant: str, shown: list[int]) -> Panel:
    names = [short(experiment.classes[index], 12) for index in shown]
    color = styles(experiment.variants)[variant].color
    size = 12.5 if len(shown) <= 6 else 10 if len(shown) <= SHOWN_CLASSES else 8.5  # of labels

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
                    f"{variant}: of {experiment.classes[actual]}, {count:,.1f} documents ({percent(share)}) "
                    f"classified as {experiment.classes[predicted]}"
                )
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

    of = f" ({len(shown)} of {len(experiment.classes)} classes)" if len(shown) < len(experiment.classes) else ""
    return Panel(f"confusion: {variant}{of}", 330 if len(shown) <= FEW_CLASSES else 380, draw)
