"""The comparison in plain sentences: which variant is better, by how much, how surely, or that it is unclear."""

from dataclasses import dataclass, field, replace

from analysis.comparison.costs import COSTS, cost_ratio, not_compared
from analysis.comparison.differences import Comparison, Difference
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import Metric
from analysis.tuning.phrases import after_tuning
from analysis.verdict import small_classes
from analysis.verdict.phrases import SIGNIFICANCE, listed, p_value
from analysis.verdict.soundness import Soundness

FEWEST_SEEDS = 3  # to estimate from their spread how many seeds a comparison needs
MEASURED = {
    "training_seconds": "the training time",
    "milliseconds_a_document": "the time for a prediction",
    "peak_memory_mb": "the peak memory",
}


@dataclass(frozen=True)
class Verdict:
    """The answer for the metric that decides: one sentence in its parts, and what it is based on.

    Attributes:
        claim: which variant is better and by how much, or that it is unclear
        evidence: interval and p-value; empty where several variants have theirs in `details`
        costs: ", at …", or empty likewise
        outlook: how many seeds or test documents would detect the difference; "; …", or empty
        details: the numbers behind the claim; one paragraph each
        warnings: what a reader has to know first; one paragraph each
        preface: why not to rely on the claim, the first sentence of all; or empty
        remarks: what a reader should know besides; one paragraph each
    """

    claim: str
    evidence: str
    costs: str
    outlook: str
    details: list[str]
    warnings: list[str]
    preface: str = ""
    remarks: list[str] = field(default_factory=list)

    @property
    def sentence_without_costs(self) -> str:
        """The sentence without the measured costs: always the same for the same outputs."""
        return self._after_preface(f"{self.qualified_claim}{_bracketed(self.evidence)}{self.outlook}.")

    @property
    def sentence(self) -> str:
        """The whole sentence."""
        return self._after_preface(f"{self.qualified_claim}{_bracketed(self.evidence)}{self.costs}{self.outlook}.")

    @property
    def qualified_claim(self) -> str:
        """The claim, limited to these trainings if there is a reason not to rely on it."""
        return f"These trainings say: {self.claim}" if self.preface else self.claim

    def _after_preface(self, sentence: str) -> str:
        return f"{self.preface} {sentence}" if self.preface else sentence

    def __str__(self) -> str:
        return " ".join([self.sentence, *self.warnings, *self.details, *self.remarks])


def judge(experiment: Experiment, comparison: Comparison, soundness: Soundness) -> Verdict:
    """Puts the comparison into words, after the findings of `soundness`."""
    advice = [finding.advice for finding in soundness.findings]
    verdict = _judge(experiment, comparison, advice)
    return replace(verdict, preface=soundness.preface, remarks=soundness.remarks)


def _judge(experiment: Experiment, comparison: Comparison, advice: list[str]) -> Verdict:
    metric = experiment.metric
    differences = {variant: by_metric[metric.key] for variant, by_metric in comparison.differences.items()}
    warnings = [*advice, *small_classes.warnings(experiment, comparison), *experiment.warnings, *_leak(experiment)]
    if not differences:
        return _alone(experiment, comparison, warnings)
    if len(experiment.seeds) == 2 and experiment.folds is None:
        warnings.append(
            "With two seeds, the spread between trainings is hardly known: intervals are wide and p-values fragile. "
            "Train three seeds or more."
        )
    if len(experiment.seeds) == 1 and experiment.folds is None:
        warnings.append(
            "With one seed, the interval covers the choice of the test documents, but not how much trainings vary: "
            "another seed may reverse the result. Train three seeds or more."
        )
    if len(differences) > 1:
        details = [_paragraph(experiment, comparison, variant) for variant in _by_gain(metric, differences)]
        return Verdict(_claims(experiment, differences), "", "", "", details, warnings)
    (variant, difference), *_ = differences.items()
    tuned = after_tuning(experiment.trials)
    claim = f"{_answer(experiment, variant, difference)} on {experiment.data_shown}{tuned}: "
    claim += f"{_signed(experiment, variant, difference)} of test {metric.title}"
    claim += "" if metric.higher_is_better else ", where lower is better"
    costs, outlook = _costs(experiment, variant), _outlook(experiment, difference)
    details = [_basis(experiment, comparison, variant)]
    return Verdict(claim, _evidence(metric, difference), costs, outlook, details, warnings)


def _signed(experiment: Experiment, variant: str, difference: Difference) -> str:
    """The difference, and where no direction was named, whose it is: "+0.4 points", "+0.4 points (bilstm − lstm)"."""
    shown = f"{experiment.metric.shown_gap(difference)[0]} {experiment.metric.unit}"
    return shown if _is_sure(difference) or not difference.value else f"{shown} ({variant} − {experiment.baseline})"


def _leak(experiment: Experiment) -> list[str]:
    if not experiment.is_leaky:
        return []
    share = 100 * experiment.leaked / len(experiment.labels)
    occur = "occurs" if experiment.leaked == 1 else "occur"
    return [
        f"{experiment.leaked:,} of {len(experiment.labels):,} test texts ({share:.1f} %) also {occur} in the training "
        "split: a model may have memorized them, so scores may be too high. data.deduplicate: test drops them from "
        "training."
    ]


def _alone(experiment: Experiment, comparison: Comparison, warnings: list[str]) -> Verdict:
    metric = experiment.metric
    score = comparison.scores[experiment.baseline][metric.key]
    mean = metric.shown_with_unit(score.mean)
    return Verdict(
        claim=f"{experiment.baseline} reaches a test {metric.title} of {mean} on {experiment.data_shown}"
        f"{after_tuning(experiment.trials).replace(' each', '').replace(' equal', '')}",
        evidence=f"95 % interval {metric.shown(score.low)} to {metric.shown(score.high)}",
        costs="",
        outlook="",
        details=[f"With {_design(experiment)}. There is no other variant to compare it with."],
        warnings=warnings,
    )


def _claims(experiment: Experiment, differences: dict[str, Difference]) -> str:
    """The claim about several variants: which are better, which are worse, and for which it is unclear."""
    metric, order = experiment.metric, _by_gain(experiment.metric, differences)
    groups = {
        "better": [name for name in order if _is_sure(differences[name]) and metric.gain(differences[name].value) > 0],
        "worse": [name for name in order if _is_sure(differences[name]) and metric.gain(differences[name].value) < 0],
        None: [name for name in order if not _is_sure(differences[name])],
    }
    claims = []
    for direction, names in groups.items():
        if names:
            names_shown = listed([f"{name} ({metric.shown_difference(differences[name].value)})" for name in names])
            verb = "is" if len(names) == 1 else "are"
            claims.append(f"{names_shown} {verb} {direction}" if direction else f"for {names_shown} it is unclear")
    what = f"in {metric.unit} of test {metric.title} compared with {experiment.baseline}"
    what += "" if metric.higher_is_better else " (lower is better)"
    return f"On {experiment.data_shown}{after_tuning(experiment.trials)}, {what}: {'; '.join(claims)}"


def _by_gain(metric: Metric, differences: dict[str, Difference]) -> list[str]:
    return sorted(differences, key=lambda name: -metric.gain(differences[name].value))


def _answer(experiment: Experiment, variant: str, difference: Difference) -> str:
    baseline = experiment.baseline
    if not _is_sure(difference):
        return f"It is unclear whether {variant} or {baseline} is better"
    direction = "better" if experiment.metric.gain(difference.value) > 0 else "worse"
    if len(experiment.seeds) == 1 and experiment.folds is None:
        return f"The one training of {variant} is {direction} than that of {baseline}"
    return f"{variant} is {direction} than {baseline}"


def _paragraph(experiment: Experiment, comparison: Comparison, variant: str) -> str:
    """All about one of several variants."""
    metric = experiment.metric
    difference = comparison.differences[variant][metric.key]
    sentence = f"{_answer(experiment, variant, difference)}: {_signed(experiment, variant, difference)}"
    sentence += f"{_bracketed(_evidence(metric, difference))}{_costs(experiment, variant)}"
    sentence += _outlook(experiment, difference)
    return f"{sentence}. {_basis(experiment, comparison, variant)}"


def _basis(experiment: Experiment, comparison: Comparison, variant: str) -> str:
    metric, baseline = experiment.metric, experiment.baseline
    difference = comparison.differences[variant][metric.key]
    own, other = (comparison.scores[name][metric.key].mean for name in (variant, baseline))
    scores = f"{variant} reaches {metric.shown_with_unit(own)}, {baseline} {metric.shown_with_unit(other)}"
    sentences = [f"{scores}, with {_design(experiment)}"]
    nobody_errs = own == other == 1.0 and metric.key == "accuracy"  # then no interval of these documents says much
    is_bounded = max(abs(difference.low), abs(difference.high)) < metric.largest_difference
    if not _is_sure(difference) and not nobody_errs and is_bounded:
        _, *ends = metric.shown_gap(difference)
        largest = ends[abs(difference.high) > abs(difference.low)].lstrip("+−")
        sentences.append(f"A difference of more than {largest} {metric.unit} is unlikely")
    if difference.probability_fresh_better is not None and difference.value:
        chance = chance_shown(difference.probability_fresh_better)
        sentences.append(
            f"A newly trained {variant} beats a newly trained {baseline} with probability {chance}, as estimated from "
            "these seeds"
        )
    if not nobody_errs:
        sentences.append(f"This design has {power_shown(metric, difference.smallest_detectable, other, baseline)}")
    sentences.append(_matching(experiment, variant))
    return ". ".join(sentences) + "."


def _outlook(experiment: Experiment, difference: Difference) -> str:
    """How many seeds or test documents would detect the difference, if the present ones do not."""
    if _is_sure(difference) or experiment.folds is not None or difference.value == 0:
        return ""
    if len(experiment.seeds) < FEWEST_SEEDS:
        return ""
    detect = "to detect a difference of this size with 80 % power"
    if difference.seeds_to_tell is None:
        if difference.documents_to_tell is None:
            return "; a difference of this size is too small for 100 seeds and any number of test documents"
        enough, present = _rounded(difference.documents_to_tell), len(experiment.labels)
        return f"; {detect}, even 100 seeds would need roughly {enough:,} test documents instead of {present:,}"
    if difference.seeds_to_tell > len(experiment.seeds):
        return f"; {detect} takes very roughly {difference.seeds_to_tell} seeds"
    return ""


def _rounded(number: int) -> int:
    """To two digits.

    >>> _rounded(123456), _rounded(87)
    (120000, 87)
    """
    return int(float(f"{number:.1e}"))


def _costs(experiment: Experiment, variant: str) -> str:
    baseline = experiment.baseline
    own, other = experiment.costs[variant], experiment.costs[baseline]
    parameters = experiment.parameters[variant]["total"] / experiment.parameters[baseline]["total"]
    ratios = {MEASURED[cost.key]: cost_ratio(own, other, cost) for cost in COSTS if cost.key in MEASURED}
    clear = [f"{ratio} × {what}" for what, ratio in ratios.items() if ratio is not None and not is_vague(ratio)]
    vague = [what for what, ratio in ratios.items() if ratio is not None and is_vague(ratio)]
    shown = listed([f"{parameters:.2f} × the parameters{_outside_the_embedding(experiment, variant)}", *clear])
    uneven = f"{listed(vague)} differed too much between trainings to compare" if vague else ""
    return f", at {shown} of {baseline}{_bracketed(not_compared([*own, *other]) or uneven)}"


def _outside_the_embedding(experiment: Experiment, variant: str) -> str:
    """The ratio of the other parameters in brackets, where they differ."""
    own, base = (experiment.parameters[name] for name in (variant, experiment.baseline))
    ratio = (own["total"] - own["embedding"]) / (base["total"] - base["embedding"])
    return "" if 0.9 < ratio < 1.1 else f" ({ratio:.2f} × outside the embedding)"


def is_vague(ratio: str) -> bool:
    """Whether a ratio of costs is a range too wide for a sentence, as other work on the machine makes it.

    >>> is_vague("1.9"), is_vague("1.7 to 2.2"), is_vague("0.77 to 2.5")
    (False, False, True)
    """
    low, _, high = ratio.replace(",", "").partition(" to ")
    return bool(high) and float(high) > 1.5 * float(low)


def _matching(experiment: Experiment, variant: str) -> str:
    own, other = experiment.hidden_size(variant), experiment.hidden_size(experiment.baseline)
    match experiment.matching:
        case "parameters":
            return f"They are matched by parameters (hidden size {own} against {other})"
        case "training_time":
            return f"They are matched by training time (hidden size {own} against {other})"
    different = {*experiment.hidden_sizes[variant], *experiment.hidden_sizes[experiment.baseline]}
    are_same = len(different) == 1
    sizes = f"They have the same hidden size ({own})" if are_same else f"Their hidden sizes are {own} and {other}"
    if _outside_the_embedding(experiment, variant):
        sizes += ", so more parameters may be the cause of a difference as well as the direction or the cell"
    return sizes


def _design(experiment: Experiment) -> str:
    return f"{experiment.design} and {len(experiment.labels):,} test documents"


def _is_sure(difference: Difference) -> bool:
    return difference.p_value_corrected < SIGNIFICANCE


def _evidence(metric: Metric, difference: Difference) -> str:
    corrected = " after Holm's correction" if difference.p_value_corrected != difference.p_value else ""
    _, low, high = metric.shown_gap(difference)
    return f"95 % interval {low} to {high}, {p_value(difference.p_value_corrected)}{corrected}"


def _bracketed(evidence: str) -> str:
    return f" ({evidence})" if evidence else ""


def power_shown(metric: Metric, smallest: float, baseline_mean: float, baseline: str) -> str:
    """The statistical power of a design whose `smallest` detectable difference is known, in words.

    >>> from analysis.comparison.metrics import metric_named
    >>> power_shown(metric_named("accuracy"), 0.0123, 0.9, "lstm")
    '80 % power to detect a difference of 1.2 points'
    >>> power_shown(metric_named("accuracy"), 0.041, 0.977, "lstm")
    'less than 80 % power to detect a gain (lstm leaves 2.3 points to 100 %), but 80 % for a loss of 4.1 points'
    >>> power_shown(metric_named("accuracy"), 0.6, 0.55, "lstm")
    'less than 80 % power to detect any difference, however large'
    >>> power_shown(metric_named("loss"), 1.3, 0.4, "lstm")
    '80 % power to detect a difference of 1.300 nats'
    """
    if smallest >= min(metric.largest_difference, max(baseline_mean, metric.room(baseline_mean))):
        return "less than 80 % power to detect any difference, however large"
    shown = f"{metric.shown(smallest)} {metric.unit}"
    if smallest <= metric.room(baseline_mean):
        return f"80 % power to detect a difference of {shown}"
    left = f"{baseline} leaves {metric.shown(metric.room(baseline_mean))} {metric.unit} to 100 %"
    return f"less than 80 % power to detect a gain ({left}), but 80 % for a loss of {shown}"


def chance_shown(probability: float) -> str:
    """The probability that a new training beats another, as the report prints it: nothing is ever certain.

    >>> chance_shown(0.918), chance_shown(0.9999)
    ('92 %', 'over 99 %')
    """
    if probability > 0.99:
        return "over 99 %"
    return "under 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"
