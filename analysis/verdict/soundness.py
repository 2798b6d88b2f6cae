"""Whether a comparison is worth its verdict: were the variants trained well enough for a difference to mean something?

`examine` applies the rules of analysis/verdict/findings.py. What they find is the verdict's first sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.comparison.standing import Standing
from analysis.verdict.findings import (
    KINDS,
    Finding,
    Settings,
    below_linear,
    chosen_epoch,
    did_not_learn,
    large_difference,
    not_converged,
    overfit,
)
from analysis.verdict.words import listed


@dataclass(frozen=True)
class Soundness:
    """What the rules found, and what the comparison did not vary (one sentence or two)."""

    findings: list[Finding]
    setting: str = ""

    @property
    def preface(self) -> str:
        """The verdict's first sentence where there is a finding, else nothing."""
        if not self.findings:
            return ""
        return f"Do not rely on this comparison yet: {'; '.join(found.words for found in self.findings)}."

    def by_kind(self) -> dict[str, list[str]]:
        """The variants that each rule found."""
        found = {finding.kind: finding.variants for finding in self.findings}
        return {kind: found.get(kind, []) for kind in KINDS}


def examine(experiment: Experiment, comparison: Comparison, standing: Standing, settings: Settings) -> Soundness:
    """Applies all rules, the gravest first."""
    histories = dict(zip(experiment.variants, experiment.histories, strict=True))
    found = [
        did_not_learn(experiment, comparison, settings, histories),
        below_linear(experiment, comparison, standing, settings),
        not_converged(settings, histories),
        overfit(settings, histories),
    ]
    findings = [finding for finding in found if finding]
    if not findings and (large := large_difference(comparison, standing, settings)):
        findings = [large]
    return Soundness(findings, _setting(experiment, settings))


def _setting(experiment: Experiment, settings: Settings) -> str:
    train = settings.train
    parts = [_one_or_each(experiment, settings, key) for key in ("initialization", "pooling", "head_dropout")]
    parts.append(f"learning rate {train['learning_rate']:g} ({train['schedule']})")
    epochs = max(len(history) for runs in experiment.histories for history in runs)
    chosen = [chosen_epoch(history, train["monitor"]) + 1 for runs in experiment.histories for history in runs]
    parts.append(f"{epochs} epoch{'s' if epochs > 1 else ''}{_tested(chosen, epochs)}")
    once = "The variant was" if not experiment.others else "All variants were"
    what = "difference" if experiment.others else "accuracy"
    return (
        f"{once} trained with one configuration: {', '.join(parts)}. Only the seed was varied: other settings can "
        f"change the {what} by several points (docs/statistics.md)."
    )


def _tested(chosen: Sequence[int], epochs: int) -> str:
    """Which epochs gave the weights that were tested, where it was not always the last.

    >>> _tested([2, 3, 2], 6), _tested([6, 6], 6)
    (' (the best one gives the weights: 2 to 3)', '')
    """
    low, high = min(chosen), max(chosen)
    if low == epochs:
        return ""
    return f" (the best one gives the weights: {low if low == high else f'{low} to {high}'})"


def _one_or_each(experiment: Experiment, settings: Settings, key: str) -> str:
    """A setting of the variants: once where they share it, else for each."""
    values = {name: settings.variants[name][key] for name in experiment.variants}
    title = key.replace("_", " ")
    if len(set(values.values())) == 1:
        return f"{title} {next(iter(values.values()))}"
    return f"{title} {listed([f'{value} ({name})' for name, value in values.items()])}"
