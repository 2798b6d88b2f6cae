"""Whether a difference depends on the setting, in sentences."""

from collections.abc import Mapping

from analysis.comparison.differences import Difference
from analysis.comparison.experiment import Experiment
from analysis.comparison.under_settings import UnderSettings
from analysis.verdict.phrases import SIGNIFICANCE, listed, p_value


def dependence_sentences(experiment: Experiment, under: UnderSettings) -> list[str]:
    """One for each variant beside the baseline, and one that names the settings under which variants did not learn."""
    return [
        *(_sentence(experiment, under, variant) for variant in experiment.others),
        *_not_learned(under),
    ]


def _not_learned(under: UnderSettings) -> list[str]:
    """One sentence for all settings under which the same variants did not learn."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, variants in under.not_learned.items():
        if variants:
            names.setdefault(tuple(variants), []).append(name)
    return [
        f"{listed(list(variants))} {'is' if len(variants) == 1 else 'are'} no better than always answering the most "
        f"frequent class {listed(settings)}: there a difference of 0 says nothing about models that learned."
        for variants, settings in names.items()
    ]


def _sentence(experiment: Experiment, under: UnderSettings, variant: str) -> str:
    metric = experiment.metric
    differences = under.differences[variant]
    subject = f"difference between {variant} and {experiment.baseline}"
    clearest = under.dependences[variant]
    apart = f"{metric.shown(clearest.value)} {metric.unit} apart, {p_value(clearest.p_value)}"
    above = [name for name in differences if differences[name].low > 0]
    below = [name for name in differences if differences[name].high < 0]
    if above and below:
        highest = max(above, key=lambda name: differences[name].value)
        lowest = min(below, key=lambda name: differences[name].value)
        shown = [_shown(experiment, differences, name) for name in (highest, lowest)]
        return f"The sign of the {subject} depends on the setting: {shown[0]}, but {shown[1]}."
    if clearest.p_value < SIGNIFICANCE:
        shown = [_shown(experiment, differences, name) for name in (clearest.first, clearest.second)]
        return f"The size of the {subject} depends on the setting: {shown[0]}, but {shown[1]} ({apart})."
    values = sorted(difference.value for difference in differences.values())
    low, high = metric.shown_difference(values[0]), metric.shown_difference(values[-1])
    return (
        f"The {subject} is not shown to depend on the setting: it is {low} to {high} {metric.unit} under "
        f"{len(differences)} settings, of which the two that differ most clearly are {apart} after Holm's correction."
    )


def _shown(experiment: Experiment, differences: Mapping[str, Difference], name: str) -> str:
    metric = experiment.metric
    return f"{metric.shown_gap_with_interval(differences[name], f' {metric.unit}')} {name}"
