"""The long-term dependency problem as a figure: accuracy by distance, and how far back the gradient reaches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.drawing.panels import MUTED, Panel, Tips, styles
from core.constants import LARGEST_ERROR

HEIGHT = 290
LOWEST = 1e-12  # norm that is drawn; smaller ones are lost in the rounding of float64


@dataclass(frozen=True)
class Training:
    """One variant with one seed at one length.

    Attributes:
        length: distractors of first_token, symbols of the shortest sequences of temporal_order
        classes: from which one is chosen
        accuracy: of the test sequences
        wrong: test sequences with an output that is off by LARGEST_ERROR (core/constants.py) or more
        solved_after: training sequences seen at the end of the first epoch after which no validation sequence is wrong;
            None: never
        initial: gradient norms before training, by distance from the sequence's end (models/inside/gradient_reach.py)
        trained: and after it
    """

    variant: str
    seed: int
    length: int
    classes: int
    accuracy: float
    wrong: int
    solved_after: int | None
    initial: list[float]
    trained: list[float]


def wrong(labels: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]) -> int:
    """How many of n sequences have an output that is LARGEST_ERROR or more away from its target, 1 or 0.

    Args:
        labels: (n,)
        probabilities: (n, classes)
    """
    targets = np.eye(probabilities.shape[1])[labels]
    return int((np.abs(probabilities - targets).max(axis=1) >= LARGEST_ERROR).sum())


def panels(trainings: Sequence[Training], length_name: str) -> list[Panel]:
    """Accuracy by length, and the gradient's reach before and after training at the greatest length."""
    longest = max(training.length for training in trainings)
    shown = [training for training in trainings if training.length == longest]
    return [
        _accuracy(trainings, length_name),
        _reach(f"gradient before training (length {longest})", shown, lambda training: training.initial),
        _reach(f"gradient after training (length {longest})", shown, lambda training: training.trained),
    ]


def _accuracy(trainings: Sequence[Training], length_name: str) -> Panel:
    lengths = sorted({training.length for training in trainings})

    def draw(axes: Axes) -> Tips:
        tips = {}
        chance = 100 / trainings[0].classes
        axes.axhline(chance, color=MUTED, linewidth=1, linestyle=":")
        axes.text(lengths[0], chance - 5, "chance", color=MUTED, fontsize=9)
        for rank, (variant, style) in enumerate(styles(_variants(trainings)).items()):
            by_length = [
                [100 * t.accuracy for t in trainings if (t.variant, t.length) == (variant, n)] for n in lengths
            ]
            means = [float(np.mean(values)) for values in by_length]
            axes.fill_between(
                lengths, [*map(min, by_length)], [*map(max, by_length)], color=style.color, alpha=0.12, linewidth=0
            )
            axes.plot(lengths, means, color=style.color, linestyle=style.linestyle, linewidth=2)
            for index, mean in enumerate(means):
                name = f"accuracy{rank}-{index}"
                axes.plot([lengths[index]], [mean], marker=style.marker, color=style.color, markersize=6, gid=name)
                tips[name] = f"{variant}, {lengths[index]}: {mean:.1f} %"
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(lengths))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        axes.set_ylim(0, 104)
        axes.set_xlabel(length_name)
        return tips

    return Panel("test accuracy, %", HEIGHT, draw)


def _reach(title: str, trainings: Sequence[Training], norms: Callable[[Training], list[float]]) -> Panel:
    def draw(axes: Axes) -> Tips:
        tips = {}
        for rank, (variant, style) in enumerate(styles(_variants(trainings)).items()):
            curves = np.array([norms(training) for training in trainings if training.variant == variant])
            curve = _relative(curves)
            axes.plot(curve, color=style.color, linestyle=style.linestyle, linewidth=2)
            every = max(1, len(curve) // 6)
            for distance in range(0, len(curve), every):
                if curve[distance] >= LOWEST:
                    name = f"reach{rank}-{distance}"
                    axes.plot([distance], [curve[distance]], marker=style.marker, color=style.color, ms=5, gid=name)
                    tips[name] = (
                        f"{variant}, {distance} symbols from the end: {curve[distance]:.1e} of the largest norm"
                    )
        axes.set_yscale("log")
        axes.set_ylim(LOWEST, 4)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0e}".replace("e+00", ""))
        axes.set_xlabel("symbols from the end; norm relative to the largest")
        return tips

    return Panel(title, HEIGHT, draw)


def _relative(curves: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The geometric mean over seeds (distances,) of curves (seeds, distances) relative to their largest norm."""
    largest = np.maximum(curves.max(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.asarray(np.exp(np.log(np.maximum(curves / largest, 1e-300)).mean(axis=0)))


def _variants(trainings: Sequence[Training]) -> list[str]:
    return list(dict.fromkeys(training.variant for training in trainings))
