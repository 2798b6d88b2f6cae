"""The comparison in plain sentences: who is better, by how much, how surely, or that it cannot be told."""

from dataclasses import dataclass

from analysis.comparison import Comparison, Difference
from analysis.costs import mean_cost
from analysis.experiment import Experiment
from analysis.metrics import METRICS

SIGNIFICANCE = 0.05
ACCURACY = METRICS[0]


@dataclass(frozen=True)
class Verdict:
    """What the comparison says about test accuracy.

    Attributes:
        headline: the answer, one sentence
        details: what it rests on, what it costs, and what could tell more; one paragraph each
    """

    headline: str
    details: list[str]

    def __str__(self) -> str:
        return " ".join([self.headline, *self.details])


def judge(experiment: Experiment, comparison: Comparison) -> Verdict:
    """Puts the comparison into words."""
    differences = {variant: found["accuracy"] for variant, found in comparison.differences.items()}
    if not differences:
        return _alone(experiment, comparison)
    if len(differences) == 1:
        headline = _answer(experiment, *next(iter(differences.items())))
    else:
        answers = ", ".join(_short_answer(variant, found) for variant, found in differences.items())
        headline = f"On {experiment.data}, held against {experiment.baseline} in test accuracy: {answers}."
    details = [_detail(experiment, comparison, variant) for variant in differences]
    if len(experiment.seeds) == 1:
        details.append(
            "With one seed only the chance of the documents can be judged, not that of training: "
            "another seed may turn this around. Train three or more."
        )
    return Verdict(headline, details)


def _alone(experiment: Experiment, comparison: Comparison) -> Verdict:
    score = comparison.scores[experiment.baseline]["accuracy"]
    mean, low, high = (ACCURACY.shown(value) for value in (score.mean, score.low, score.high))
    return Verdict(
        f"{experiment.baseline} reaches {mean} % test accuracy on {experiment.data} (95 % interval {low} to {high}).",
        [f"With {_design(experiment)}. There is no other variant to compare it with."],
    )


def _answer(experiment: Experiment, variant: str, difference: Difference) -> str:
    baseline = experiment.baseline
    if not _is_sure(difference):
        beginning = f"It cannot be told whether {variant} or {baseline} is better"
    elif len(experiment.seeds) == 1:
        beginning = f"The one training of {variant} is {_direction(difference)} than that of {baseline}"
    else:
        beginning = f"{variant} is {_direction(difference)} than {baseline}"
    return f"{beginning} on {experiment.data}: {_gap(difference)} of test accuracy {_sureness(difference)}."


def _short_answer(variant: str, difference: Difference) -> str:
    if _is_sure(difference):
        return f"{variant} is {_direction(difference)} ({_gap(difference)})"
    return f"for {variant} it cannot be told ({_gap(difference)})"


def _detail(experiment: Experiment, comparison: Comparison, variant: str) -> str:
    baseline, difference = experiment.baseline, comparison.differences[variant]["accuracy"]
    means = [ACCURACY.shown(comparison.scores[name]["accuracy"].mean) for name in (variant, baseline)]
    sentences = [f"{means[0]} against {means[1]} % with {_design(experiment)}"]
    if len(experiment.others) > 1:
        sentences = [f"{variant}: {_gap(difference)} {_sureness(difference)}, {sentences[0]}"]
    if _is_sure(difference):
        if difference.probability_fresh_better is not None:
            share = min(max(100 * difference.probability_fresh_better, 1), 99)
            sentences.append(f"A fresh {variant} beats a fresh {baseline} with a probability of {share:.0f} %")
    else:
        sentences.append(_what_could_tell(experiment, difference))
    sentences.append(_cost(experiment, variant))
    return ". ".join(sentences) + "."


def _what_could_tell(experiment: Experiment, difference: Difference) -> str:
    found = f"This design finds true differences of {ACCURACY.shown(difference.smallest_detectable)} points or more"
    if len(experiment.seeds) == 1:
        return found
    if difference.seeds_to_tell is None:
        return f"{found}; one as small as seen needs more test documents, not only more seeds"
    if difference.seeds_to_tell > len(experiment.seeds):
        return f"{found}; if the true one is as seen, about {difference.seeds_to_tell} seeds could tell"
    return found


def _cost(experiment: Experiment, variant: str) -> str:
    baseline = experiment.baseline
    ratio = experiment.parameters[variant]["total"] / experiment.parameters[baseline]["total"]
    ratios = [f"{ratio:.2f} × the parameters"]
    for key, what in _MEASURED.items():
        own, other = (mean_cost(experiment.costs[name], key) for name in (variant, baseline))
        if own is not None and other is not None:
            ratios.append(f"{own / other:.2f} × {what}")
    return f"{_matching(experiment, variant)}, {variant} needs {_listed(ratios)} of {baseline}"


_MEASURED = {
    "training_seconds": "the training time",
    "milliseconds_a_document": "the time for a prediction",
    "peak_memory_mb": "the memory",
}


def _matching(experiment: Experiment, variant: str) -> str:
    own, other = experiment.hidden_sizes[variant], experiment.hidden_sizes[experiment.baseline]
    match experiment.matching:
        case "parameters":
            return f"Matched by parameters (hidden size {own} against {other})"
        case "training_time":
            return f"Matched by training time (hidden size {own} against {other})"
    return f"At the same hidden size ({own})" if own == other else f"At hidden sizes of {own} against {other}"


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _design(experiment: Experiment) -> str:
    seeds = len(experiment.seeds)
    return f"{seeds} seed{'s' if seeds > 1 else ''} and {len(experiment.labels):,} test documents"


def _is_sure(difference: Difference) -> bool:
    return difference.p_value_corrected < SIGNIFICANCE


def _direction(difference: Difference) -> str:
    return "better" if difference.value > 0 else "worse"


def _gap(difference: Difference) -> str:
    return f"{ACCURACY.shown_difference(difference.value)} points"


def _sureness(difference: Difference) -> str:
    corrected = " after Holm's correction" if difference.p_value_corrected != difference.p_value else ""
    interval = f"{ACCURACY.shown_difference(difference.low)} to {ACCURACY.shown_difference(difference.high)}"
    return f"(95 % interval {interval}, {p_value(difference.p_value_corrected)}{corrected})"


def p_value(value: float) -> str:
    """A p-value as it is printed.

    >>> p_value(0.00002), p_value(0.0312)
    ('p < 0.001', 'p = 0.031')
    """
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
