"""The comparison as one HTML page that needs nothing else: analysis/report.html.jinja, filled in."""

from markupsafe import Markup

from analysis.comparison import Comparison
from analysis.costs import COSTS, cost_range, mean_cost
from analysis.drawing import VARIABLES, panel_svg
from analysis.experiment import Experiment
from analysis.figures import Panel, styles
from analysis.metrics import METRICS
from analysis.page import environment
from analysis.slices import Disagreement, disagreements
from analysis.verdict import Verdict, p_value

FIRST_TEXT = 280  # characters of a document that are shown at once
MOST_TEXT = 2000  # that are shown at all

MATCHINGS = {
    "hidden_size": "The variants have the hidden sizes that params.yaml gives.",
    "parameters": "The hidden sizes were solved for, so that all variants have as many parameters as the baseline.",
    "training_time": "All variants were trained for the same time.",
}
SECTIONS = {
    "Where are they right?": ["slices"],
    "How did they learn?": ["learning_curves"],
    "What do they mix up, and do they know how sure they may be?": ["confusion", "calibration"],
}


def render(experiment: Experiment, comparison: Comparison, verdict: Verdict, figures: dict[str, list[Panel]]) -> str:
    """The page, as text."""
    pages = environment()
    pages.filters |= {"p_value": p_value, "mean_cost": mean_cost, "cost_range": cost_range}
    return pages.get_template("report.html.jinja").render(
        experiment=experiment,
        comparison=comparison,
        verdict=verdict,
        metrics=[metric for metric in METRICS if metric.key in comparison.scores[experiment.baseline]],
        matching=MATCHINGS[experiment.matching],
        costs=COSTS,
        scores=_drawn(figures, ["scores"]),
        sections={heading: _drawn(figures, names) for heading, names in SECTIONS.items()},
        styles=styles(experiment.variants),
        variables=VARIABLES,
        readings={variant: _readings(experiment, variant) for variant in experiment.others},
        first_text=FIRST_TEXT,
        most_text=MOST_TEXT,
    )


def _drawn(figures: dict[str, list[Panel]], names: list[str]) -> list[Markup]:
    return [Markup(panel_svg(panel)) for name in names for panel in figures.get(name, [])]


def _readings(experiment: Experiment, variant: str) -> dict[str, list[Disagreement]]:
    """The documents to be shown, under a heading each for gains and for losses."""
    found = disagreements(experiment, variant, number=4 if len(experiment.others) == 1 else 2)
    groups = {
        f"{variant} is much surer of the right class than {experiment.baseline}": [d for d in found if d.gain > 0],
        f"{experiment.baseline} is much surer of the right class than {variant}": [d for d in found if d.gain < 0],
    }
    return {heading: documents for heading, documents in groups.items() if documents}
