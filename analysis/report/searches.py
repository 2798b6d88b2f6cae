"""The report's parts about settings: the search for the best one, and the comparison under several."""

from dataclasses import asdict
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.comparison.under_settings import UnderSettings
from analysis.drawing.panels import INK, MUTED, Panel, Tips, name_rows, point, styles
from analysis.tuning.phrases import (
    how_it_was_searched,
    how_sure_the_choice_is,
    what_lies_at_an_end,
    what_more_trials_buy,
)
from analysis.tuning.search import Tuning
from analysis.verdict.phrases import SIGNIFICANCE
from analysis.verdict.under_settings import dependence_sentences
from config.settings import value_shown


def tuning_summary(tuning: Tuning) -> dict[str, Any]:
    """For reports/comparison.json."""
    return {
        "trials": tuning.trials,
        "repeats": tuning.repeats,
        "searched": how_it_was_searched(tuning),
        "variants": {
            variant: {
                "chosen": [dict(search.settings[number]) for number in search.chosen],
                "best": [search.scores[number] for number in search.chosen],
                "failed": search.failed,
                "importances": dict(search.importances),
                "expected_best": tuning.curve(variant).means,
            }
            for variant, search in tuning.searches.items()
        },
    }


def settings_summary(experiment: Experiment, under: UnderSettings) -> dict[str, Any]:
    """For reports/comparison.json."""
    return {
        "verdict": dependence_sentences(experiment, under),
        "means": {name: dict(means) for name, means in under.means.items()},
        "differences": {
            variant: {name: asdict(difference) for name, difference in by_name.items()}
            for variant, by_name in under.differences.items()
        },
        "dependences": {variant: asdict(dependence) for variant, dependence in under.dependences.items()},
    }


def tuning_shown(tuning: Tuning, comparison: Comparison) -> dict[str, Any]:
    """For the page: sentences, and the rows of a table with a column for each variant."""
    deviations = [comparison.scores[variant][tuning.metric.key].deviation for variant in tuning.searches]
    spread = max((deviation for deviation in deviations if deviation is not None), default=None)
    rows = {key: [_chosen(tuning, variant, key) for variant in tuning.searches] for key in tuning.keys}
    metric = tuning.metric
    best = [
        "; ".join(metric.shown_with_unit(search.scores[number] or 0.0) for number in search.chosen)
        for search in tuning.searches.values()
    ]
    rows |= {
        f"best validation {metric.title}": best,
        "trainings of the search": [str(len(search.settings)) for search in tuning.searches.values()],
        "their training time": [_duration(search.seconds) for search in tuning.searches.values()],
    }
    sentences = [
        how_it_was_searched(tuning),
        what_more_trials_buy(tuning, spread),
        how_sure_the_choice_is(tuning, spread),
        what_lies_at_an_end(tuning),
    ]
    return {"rows": rows, "sentences": [sentence for sentence in sentences if sentence]}


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "not measured here"
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"


def _chosen(tuning: Tuning, variant: str, key: str) -> str:
    search = tuning.searches[variant]
    return "; ".join(value_shown(search.settings[number][key]) for number in search.chosen)


def settings_shown(under: UnderSettings) -> dict[str, dict[str, Any]]:
    """For the page's table: the mean of each variant under each setting, and its difference from the baseline."""
    return {
        _short(name): {
            variant: (mean, under.differences[variant][name] if variant in under.differences else None)
            for variant, mean in means.items()
        }
        for name, means in under.means.items()
    }


def _short(name: str) -> str:
    return name.removeprefix("with ")


def forest_panels(experiment: Experiment, under: UnderSettings) -> list[Panel]:
    """One for each variant beside the baseline: its difference under each setting."""
    return [_forest(experiment, under, variant) for variant in experiment.others]


def _forest(experiment: Experiment, under: UnderSettings, variant: str) -> Panel:
    metric = experiment.metric
    differences = under.differences[variant]
    style = styles(experiment.variants)[variant]

    def draw(axes: Axes) -> Tips:
        tips = {}
        for row, (name, difference) in enumerate(differences.items()):
            ends = [metric.scale * difference.low, metric.scale * difference.high]
            axes.plot(ends, [row, row], color=style.color, linewidth=2)
            sure = difference.p_value < SIGNIFICANCE
            point(axes, metric.scale * difference.value, row, style, f"{variant}{row}", size=10, filled=sure)
            gap = metric.shown_gap_with_interval(difference, f" {metric.unit}")
            own, other = (under.means[name][compared] for compared in (variant, experiment.baseline))
            reached = f"{variant} {metric.shown_with_unit(own)}, {experiment.baseline} {metric.shown_with_unit(other)}"
            tips[f"{variant}{row}"] = f"{variant} minus {experiment.baseline} {name}: {gap}; {reached}"
            axes.plot([0, 0], [row - 0.22, row + 0.4], color=INK, linewidth=1)  # leaves the words free
            words = {0.0: _short(name), 1.0: metric.shown_difference(difference.value)}
            for x, text in words.items():
                axes.text(
                    x, row - 0.28, text, ha="right" if x else "left", va="bottom", fontsize=11,
                    color=MUTED if row else INK, transform=axes.get_yaxis_transform(),
                )  # fmt: skip
        name_rows(axes, [""] * len(differences))
        axes.set_ylim(len(differences) - 0.5, -0.9)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        better = "" if metric.higher_is_better else "; lower is better"
        axes.grid(False, axis="x")
        axes.set_xlabel(f"95 % interval; filled: p < {SIGNIFICANCE}{better}")
        return tips

    return Panel(f"{variant} minus {experiment.baseline}, {metric.unit}", 80 + 52 * len(differences), draw)
