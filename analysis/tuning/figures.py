"""The searches as panels: what the budget buys, which keys matter, what each value reached."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from analysis.drawing.panels import Panel, Tips, name_rows, point, styles
from analysis.tuning.search import Tuning
from config.settings import setting_shown, value_shown


def tuning_panels(tuning: Tuning) -> list[Panel]:
    """All panels in the order of the report."""
    important = any(search.importances for search in tuning.searches.values())
    return [
        _budget(tuning),
        *([_importances(tuning)] if important else []),
        *(_values(tuning, key) for key in tuning.keys),
    ]


def _budget(tuning: Tuning) -> Panel:
    metric = tuning.metric

    def draw(axes: Axes) -> Tips:
        tips = {}
        for rank, (variant, style) in enumerate(styles(list(tuning.searches)).items()):
            curve = tuning.curve(variant)
            budgets = np.arange(1, tuning.trials + 1)
            low, high = (metric.scale * np.array(ends) for ends in (curve.low, curve.high))
            axes.fill_between(budgets, low, high, color=style.color, alpha=0.13, linewidth=0)
            axes.plot(budgets, metric.scale * np.array(curve.means), color=style.color, linestyle=style.linestyle, lw=2)
            shown = sorted({1, *np.geomspace(1, tuning.trials, 8).round().astype(int).tolist()})
            for budget in shown:
                name = f"budget{rank}-{budget}"
                mean = curve.means[budget - 1]
                point(axes, budget, metric.scale * mean, style, name, size=6)
                ends = f"{metric.shown(curve.low[budget - 1])} to {metric.shown(curve.high[budget - 1])}"
                tips[name] = f"{variant}, best of {budget}: {metric.shown_with_unit(mean)} expected (90 %: {ends})"
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.set_xlabel("n trials; band: 90 % of the best of n")
        return tips

    return Panel(f"expected best validation {tuning.metric.axis}", 280, draw)


def _importances(tuning: Tuning) -> Panel:
    keys = tuning.keys

    def draw(axes: Axes) -> Tips:
        tips = {}
        look = styles(list(tuning.searches))
        step = 0.62 / len(look)
        for rank, (variant, style) in enumerate(look.items()):
            for row, key in enumerate(keys):
                share = 100 * tuning.searches[variant].importances.get(key, 0.0)
                y = row + (rank - (len(look) - 1) / 2) * step
                axes.plot([0, share], [y, y], color=style.color, linewidth=2, alpha=0.55)
                point(axes, share, y, style, f"importance{rank}-{row}", size=7)
                tips[f"importance{rank}-{row}"] = f"{variant}: {key} explains {share:.0f} % of the variance"
        name_rows(axes, keys)
        axes.set_xlim(left=0)
        axes.set_xlabel("share of the variance of validation scores, %")
        return tips

    return Panel("which keys matter (fANOVA)", 70 + len(keys) * (20 + 12 * len(tuning.searches)), draw)


def _values(tuning: Tuning, key: str) -> Panel:
    """The score of every trial by its value of `key`; the chosen ones are filled."""
    metric = tuning.metric
    values = [_hashable(setting[key]) for search in tuning.searches.values() for setting in search.settings]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    different = [value for number, value in enumerate(values) if value not in values[:number]]
    names = [] if numbers and len(different) > 6 else sorted(different, key=_order)

    def draw(axes: Axes) -> Tips:
        tips = {}
        look = styles(list(tuning.searches))
        for rank, (variant, style) in enumerate(look.items()):
            search = tuning.searches[variant]
            shift = 0.16 * (rank - (len(look) - 1) / 2) if names else 0.0
            for number, (setting, score) in enumerate(zip(search.settings, search.scores, strict=True)):
                if score is None:
                    continue
                x = names.index(_hashable(setting[key])) + shift if names else setting[key]
                name, chosen = f"{key}{rank}-{number}", number in search.chosen
                point(axes, x, metric.scale * score, style, name, size=10 if chosen else 6, filled=chosen)
                state = "chosen: " if chosen else ""
                tips[name] = f"{variant}, {state}{metric.shown_with_unit(score)} with {setting_shown(setting)}"
        if names:
            axes.set_xticks(range(len(names)), [value_shown(name) for name in names])
            axes.set_xlim(-0.6, len(names) - 0.4)
        elif key in tuning.ranges and tuning.ranges[key].log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(f"{key}; large: chosen")
        return tips

    return Panel(f"validation {tuning.metric.axis}, by {key}", 250, draw)


def _hashable(value: Any) -> Any:
    """A list of names, as `pooling` may be, as it is shown."""
    return value_shown(value) if isinstance(value, list) else value


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, then the rest by name."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return not number, float(value) if number else 0.0, str(value)
