"""The comparison as one self-contained HTML page: fills in analysis/report/report.html.jinja."""

import re

from markupsafe import Markup

from analysis.comparison.costs import (
    CONDITIONS,
    COSTS,
    condition_values,
    cost_range,
    cost_ratio,
    mean_cost,
    measured_on,
    mixed_hardware,
    not_compared,
)
from analysis.comparison.experiment import Experiment
from analysis.comparison.slices import FEWEST_DOCUMENTS, LABEL, Disagreement, disagreements
from analysis.comparison.standing import MEASURED, is_weak, table_rows
from analysis.drawing.page import environment
from analysis.drawing.panels import Panel, styles
from analysis.drawing.render import VARIABLES, panel_svg
from analysis.report.figures import ACCURACY, MOST_LABELS
from analysis.report.result import Result
from analysis.report.searches import settings_shown, tuning_shown
from analysis.verdict.phrases import SIGNIFICANCE, p_value
from analysis.verdict.sentences import chance_shown
from analysis.verdict.under_settings import dependence_sentences

FIRST_TEXT = 280  # characters of a document that are always shown, or a few fewer, to the end of a word
MOST_TEXT = 2000  # characters that can be shown
LEAST_GAIN = 0.1  # difference in mean probability between two variants that disagree on a document

MATCHINGS = {
    "hidden_size": "The hidden sizes are those of params.yaml.",
    "parameters": "The hidden sizes were computed so that all variants have as many parameters as the baseline.",
    "training_time": "All variants had the same training time.",
}
SECTIONS = {
    "Accuracy by group of documents": ["slices"],
    "How they learned": ["learning_curves"],
    "What they confuse, and how well calibrated they are": ["confusion", "calibration"],
    "The other metrics of each training": ["metrics"],
}


def render(result: Result, figures: dict[str, list[Panel]]) -> str:
    """The page, as text; `figures` by file name, without its ending."""
    experiment, comparison = result.experiment, result.comparison
    labels = result.slices.get(LABEL, [])
    pages = environment()
    pages.filters |= {"p_value": p_value, "chance": chance_shown, "tied": _tied, "text_parts": _text_parts}
    pages.filters |= {"mean_cost": mean_cost, "cost_range": cost_range, "cost_ratio": cost_ratio}
    pages.filters |= {"condition_values": condition_values}
    pages.globals["zip"] = zip
    return pages.get_template("analysis/report/report.html.jinja").render(
        experiment=experiment,
        comparison=comparison,
        verdict=result.verdict,
        metrics=[metric for metric in experiment.metrics if metric.key in comparison.scores[experiment.baseline]],
        rows=table_rows(experiment, comparison, result.ensembles, result.standing, experiment.metric.key),
        weak_linear=is_weak(result.standing),
        reference_costs=MEASURED,
        significance=SIGNIFICANCE,
        matching=MATCHINGS[experiment.matching],
        costs=COSTS,
        different_conditions=_different_conditions(experiment),
        not_compared=not_compared(experiment.all_costs),
        measured_on=measured_on(experiment.all_costs),
        mixed_hardware=mixed_hardware(experiment.costs, experiment.trainings),
        scores=_drawn(figures, ["scores"]),
        tuning=result.tuning and tuning_shown(result.tuning, result.comparison),
        tuning_panels=_drawn(figures, ["tuning"]),
        dependences=result.under_settings and dependence_sentences(experiment, result.under_settings),
        under_settings=result.under_settings and settings_shown(result.under_settings),
        forest=_drawn(figures, ["settings"]),
        sections={heading: _drawn(figures, names) for heading, names in SECTIONS.items()},
        labels=labels if len(labels) > MOST_LABELS else [],
        accuracy=ACCURACY,
        fewest=FEWEST_DOCUMENTS,
        styles=styles(experiment.variants),
        variables=VARIABLES,
        readings={variant: _readings(experiment, variant) for variant in experiment.others},
    )


def _drawn(figures: dict[str, list[Panel]], names: list[str]) -> list[Markup]:
    return [Markup(panel_svg(panel)) for name in names for panel in figures.get(name, [])]


def _different_conditions(experiment: Experiment) -> dict[str, str]:
    """The CONDITIONS that were not the same in all trainings; `measured_on` names the others once."""
    return {
        name: title
        for name, title in CONDITIONS.items()
        if len(condition_values(experiment.all_costs, "training", name)) > 1
    }


def _readings(experiment: Experiment, variant: str) -> dict[str, list[Disagreement]]:
    """The documents to show, by the variant that gives their right class more probability."""
    documents = disagreements(experiment, variant, number=4 if len(experiment.others) == 1 else 2)
    groups = {
        variant: [document for document in documents if document.gain >= LEAST_GAIN],
        experiment.baseline: [document for document in documents if document.gain <= -LEAST_GAIN],
    }
    return {surer: group for surer, group in groups.items() if group}


def _text_parts(text: str) -> tuple[str, str]:
    """The part of a text that is always shown, and the part that opens on a click."""
    if len(text) <= FIRST_TEXT:
        return text, ""
    space = text.rfind(" ", FIRST_TEXT - 40, FIRST_TEXT)
    cut = FIRST_TEXT if space < 0 else space
    return text[:cut], text[cut:MOST_TEXT] + (" …" if len(text) > MOST_TEXT else "")


def _tied(text: str) -> str:
    """`text` whose numbers stay on one line with their units and signs."""
    return re.sub(r" (?=[%×]|points\b)|(?<=\bp) | (?=\d\.)(?<=[=<] )", "\u00a0", text)
