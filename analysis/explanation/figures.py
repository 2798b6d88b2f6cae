"""The figures of an explanation: the words that decide, and how far back the gradient reaches."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.drawing.panels import COLOURS, INK, Panel, Tips
from analysis.explanation.statements import Explanation, agreement, in_reading_order
from analysis.verdict.phrases import short
from models.inside.reading import Floats, Reading

ROWS = 10  # words in the figure
TIPS = 40  # points of a curve with a tooltip
FLOOR = 1e-12  # smallest share of a gradient that is drawn
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def words_panel(explanation: Explanation, name: str) -> Panel:
    """The strongest tokens by both measures, in the order of the text."""
    reading = explanation.readings[name]
    strength = np.maximum(_shares(np.abs(reading.leave_one_out)), _shares(np.abs(reading.gradient_input)))
    shown = np.sort(np.argsort(-strength, kind="stable")[:ROWS])
    both = agreement(reading)

    def draw(axes: Axes) -> Tips:
        tips = {}
        axes.axvline(0, color=INK, linewidth=1)
        measures: list[tuple[str, Any, float, dict[str, Any]]] = [
            ("leave one out", reading.leave_one_out, -0.19, {"color": COLOURS[0]}),
            (
                "gradient × input",
                reading.gradient_input,
                0.19,
                {"facecolor": "none", "edgecolor": COLOURS[1], "lw": 1.5},
            ),
        ]
        for title, values, shift, look in measures:
            for row, token in enumerate(shown):
                gid = f"{title[0]}{row}"
                axes.barh(row + shift, values[token], height=0.3, gid=gid, label=title if row == 0 else "", **look)
                axes.patches[-1].set_gid(gid)
                tips[gid] = f"{explanation.tokens[token]} (token {token + 1}), {title}: {values[token]:+.2f}"
        axes.set_yticks(range(len(shown)), [f"{short(explanation.tokens[t], 14)} · {t + 1}" for t in shown])
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.set_xlabel(f"log-odds of {short(explanation.classes[reading.chosen], 24)}: right of 0 supports it")
        heading = None if both is None else f"rank correlation over all words: {both:+.2f}"
        axes.figure.legend(
            frameon=False, fontsize=9, loc="outside lower center", ncols=2, title=heading, title_fontsize=9
        )
        return tips

    return Panel(f"{name}: strongest words", 130 + 24 * len(shown), draw)


def gradient_panels(explanation: Explanation) -> dict[str, Panel]:
    """For each model the gradient's norm at the states against their distance from the end of reading."""
    lowest = min(
        max(_shares(values).min(), FLOOR)
        for reading in explanation.readings.values()
        for passage in reading.passages
        for values in passage.gradients.values()
    )
    bottom = float(np.floor(np.log10(lowest)))
    return {name: _gradient_panel(explanation, name, bottom) for name in explanation.readings}


def _gradient_panel(explanation: Explanation, name: str, bottom: float) -> Panel:
    reading = explanation.readings[name]

    def draw(axes: Axes) -> Tips:
        tips = {}
        for rank, passage in enumerate(reading.passages):
            colour = COLOURS[rank % len(COLOURS)]
            for letter, values in passage.gradients.items():
                shares = _shares(in_reading_order(passage, values))[::-1]  # from the end of reading backwards
                tokens = in_reading_order(passage, np.arange(len(values), dtype=np.float64))[::-1].astype(int)
                height = np.log10(np.maximum(shares, FLOOR))
                label = _curve_name(reading, passage.layer, passage.direction, letter)
                dashed = letter == "h" and len(passage.gradients) > 1
                axes.plot(
                    height, color=colour, linestyle="--" if dashed else "-", linewidth=1.2 if dashed else 2, label=label
                )
                for back in sorted(set(np.linspace(0, len(shares) - 1, TIPS).astype(int).tolist())):
                    gid = f"g{rank}{letter}{back}"
                    axes.plot([back], [height[back]], marker="o", markersize=2.5, color=colour, gid=gid)
                    token = explanation.tokens[tokens[back]]
                    tips[gid] = f"{label}, {back} back ({short(token, 24)}): {shares[back]:.2g} of its largest norm"
        axes.set_ylim(bottom - 0.2, 0.2)
        step = max(1, int(-bottom) // 6)
        ticks = range(0, int(bottom) - 1, -step)
        axes.set_yticks(list(ticks), ["1" if tick == 0 else "10" + str(tick).translate(SUPERSCRIPTS) for tick in ticks])
        axes.set_xlabel("tokens back from the end of reading")
        axes.figure.legend(frameon=False, fontsize=9, loc="outside lower center", ncols=2)
        return tips

    rows = -(-sum(len(passage.gradients) for passage in reading.passages) // 2)
    return Panel(f"{name}: gradient by distance", 270 + 16 * rows, draw)


def _curve_name(reading: Reading, layer: int, direction: str, letter: str) -> str:
    where = [f"layer {layer}"] if reading.passages[-1].layer > 1 else []
    return ", ".join([*where, direction, "memory C" if letter == "C" else "state h"])


def _shares(values: Floats) -> Floats:
    """Each value as a share of the largest one."""
    return values / max(float(values.max()), 1e-300)
