"""Is the comparison worth its verdict? `examine` applies the rules of findings.py, linear_model.py and convergence.py.

What they find becomes the verdict's first sentence.
"""

from dataclasses import dataclass, field

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import metric_named
from analysis.comparison.standing import Standing
from analysis.tuning.phrases import what_the_interval_covers
from analysis.verdict.convergence import epochs_remark, not_converged, overfit, validation_remark
from analysis.verdict.findings import (
    ACCURACY,
    KINDS,
    Finding,
    Settings,
    did_not_learn,
    large_difference,
    learning_unclear,
)
from analysis.verdict.linear_model import below_linear, beside_linear, too_easy, weak_linear
from analysis.verdict.phrases import listed
from analysis.verdict.starts import start_remark
from config.settings import value_shown

ARTIFICIAL = (
    "The texts are artificial: a program wrote them for this question. How large a difference is on natural texts, "
    "they do not say."
)
BY_CLASS = metric_named("macro_f1")


@dataclass(frozen=True)
class Soundness:
    """The findings, and what a reader should know besides (a sentence or two each)."""

    findings: list[Finding]
    remarks: list[str] = field(default_factory=list)

    @property
    def preface(self) -> str:
        """The verdict's first sentence where there is a finding, else nothing."""
        if not self.findings:
            return ""
        return f"Do not rely on this comparison yet: {'; '.join(finding.words for finding in self.findings)}."

    def by_kind(self) -> dict[str, list[str]]:
        """The variants that each rule names."""
        variants = {finding.kind: finding.variants for finding in self.findings}
        return {kind: variants.get(kind, []) for kind in KINDS}


def examine(experiment: Experiment, comparison: Comparison, standing: Standing, settings: Settings) -> Soundness:
    """Applies all rules, the gravest first."""
    histories = dict(zip(experiment.variants, experiment.histories, strict=True))
    results = [
        did_not_learn(experiment, comparison, settings, histories),
        learning_unclear(experiment, comparison),
        too_easy(comparison, standing),
        below_linear(experiment, comparison, standing, settings),
        weak_linear(experiment, standing),
        not_converged(settings, histories),
        overfit(settings, histories),
    ]
    findings = [finding for finding in results if finding]
    if not findings and (large := large_difference(comparison, standing, settings)):
        findings = [large]
    kinds = {finding.kind for finding in findings}
    remarks = [
        ARTIFICIAL if experiment.artificial else "",
        start_remark(experiment, settings),
        "" if {"weak_linear", "too_easy"} & kinds else _not_above_linear(experiment, standing),
        validation_remark(experiment, comparison, settings),
        _setting(experiment, settings),
        epochs_remark(settings, histories, advise=not {"not_converged", "overfit"} & kinds),
    ]
    return Soundness(findings, [remark for remark in remarks if remark])


def _not_above_linear(experiment: Experiment, standing: Standing) -> str:
    variants = beside_linear(experiment, standing)
    if not variants:
        return ""
    gaps = [
        f"{ACCURACY.shown_gap_with_interval(standing.gaps[variant][ACCURACY.key], ' points')}"
        f"{f' for {variant}' if len(variants) > 1 else ''}"
        for variant in variants
    ]
    verb = "is" if len(variants) == 1 else "are"
    sentence = (
        f"{listed(variants)} {verb} not shown to beat the linear model: {listed(gaps)} of test accuracy, and the 95 % "
        f"interval{'s include' if len(gaps) > 1 else ' includes'} 0."
    )
    by_class = {variant: gap for variant in variants if (gap := standing.gaps[variant].get(BY_CLASS.key))}
    above = [
        f"{BY_CLASS.shown_gap_with_interval(gap, ' points')} for {name}"
        for name, gap in by_class.items()
        if gap.low > 0
    ]
    return f"{sentence} In {BY_CLASS.title}, where all classes count alike: {listed(above)}." if above else sentence


def _setting(experiment: Experiment, settings: Settings) -> str:
    if experiment.trials:
        return what_the_interval_covers(experiment) if experiment.others else ""
    train = settings.train
    parts = [_one_or_each(experiment, settings, key) for key in ("initialization", "pooling", "head_dropout")]
    parts.append(f"learning rate {train['learning_rate']:g} ({train['schedule']})")
    epochs = max(len(history) for runs in experiment.histories for history in runs)
    parts.append(f"{epochs} epoch{'s' if epochs > 1 else ''}")
    subject = "All variants were" if experiment.others else "The variant was"
    what = "difference" if experiment.others else "accuracy"
    return (
        f"{subject} trained with one configuration: {', '.join(parts)}. Only the seed was varied: other settings can "
        f"change the {what} by several points (docs/statistics.md)."
    )


def _one_or_each(experiment: Experiment, settings: Settings, key: str) -> str:
    """The variants' value of a key: once if they share it, otherwise for each."""
    chosen = {name: settings.variants[name][key] for name in experiment.variants}
    values = {name: value_shown(value) if isinstance(value, list) else value for name, value in chosen.items()}
    title = key.replace("_", " ")
    if len(set(values.values())) == 1:
        return f"{title} {next(iter(values.values()))}"
    return f"{title} {listed([f'{value} ({name})' for name, value in values.items()])}"
