"""What the searches mean for the verdict, in sentences."""

from math import log

from analysis.comparison.experiment import Experiment
from analysis.tuning.search import Tuning
from analysis.verdict.words import listed
from config.settings import value_shown
from config.tuning import Range

END = 0.05  # share of a range, on its own scale, that is called its end
SAMPLERS = {"random": "random search", "quasi_random": "quasi-random search", "tpe": "TPE"}


def after_tuning(trials: int) -> str:
    """How a claim names the searches; empty without any.

    >>> after_tuning(20), after_tuning(0)
    (' after equal tuning, 20 trials each', '')
    """
    return f" after equal tuning, {trials} trial{'s' if trials > 1 else ''} each" if trials else ""


def what_the_interval_covers(experiment: Experiment) -> str:
    """Whether the interval of a difference covers the luck of the search."""
    if experiment.repeats > 1:
        return (
            f"Each variant was searched {experiment.repeats} times, and each seed trained the setting of a search of "
            "its own: the interval covers the luck of the search, besides the seeds and the test documents."
        )
    return (
        "The interval is conditional on the chosen settings: it covers seeds and test documents, but not the luck of "
        "the search, which may have found a better setting for one variant than for another. "
        "compare.tuning.repeats repeats the search, and then the interval covers it, too."
    )


def how_it_was_searched(tuning: Tuning) -> str:
    """Budget and space, in two sentences or more."""
    fewest, most = tuning.epochs
    epochs = f"{fewest} epoch{'s' if fewest > 1 else ''}" if fewest == most else f"{fewest} to {most} epochs"
    repeats = f"{tuning.repeats} searches of " if tuning.repeats > 1 else ""
    sentences = [
        f"Every variant got {repeats}{tuning.trials} trials by {SAMPLERS[tuning.sampler]} over {listed(tuning.keys)}, "
        f"on the same validation documents, with {epochs} each; the setting with the best validation "
        f"{tuning.metric.title} was then trained with new seeds."
    ]
    if tuning.documents < tuning.all_documents:
        sentences.append(
            f"A trial learned from {tuning.documents:,} of the {tuning.all_documents:,} training documents, a final "
            "training from all: what is best for few documents need not be best for all."
        )
    if failed := {variant: search.failed for variant, search in tuning.searches.items() if search.failed}:
        counts = listed([f"{number} of {variant}" for variant, number in failed.items()])
        sentences.append(f"The loss of some trials was not finite ({counts}); they count as the worst of the others.")
    return " ".join(sentences)


def what_more_trials_buy(tuning: Tuning) -> str:
    """Whether the searches had converged: what the second half of the trials was worth."""
    if tuning.trials < 2:
        return ""
    half = tuning.trials // 2
    gains = {}
    for variant in tuning.searches:
        means = tuning.curve(variant).means
        gains[variant] = tuning.metric.shown_difference(means[-1] - means[half - 1], narrow=True)
    shown = listed([f"{gain} {tuning.metric.unit} for {variant}" for variant, gain in gains.items()])
    return (
        f"From {half} to {tuning.trials} trials the expected best validation {tuning.metric.title} changes by {shown}."
    )


def what_lies_at_an_end(tuning: Tuning) -> str:
    """The chosen values at the ends of their ranges, beyond which better ones may lie; empty without any."""
    at_an_end = []
    for variant, search in tuning.searches.items():
        for key, values in tuning.ranges.items():
            chosen = sorted({search.settings[number][key] for number in search.chosen})
            for end, value in (("lower", chosen[0]), ("upper", chosen[-1])):
                if abs(_place(value, values) - (end == "upper")) <= END:
                    at_an_end.append(f"{key} of {variant}, {value_shown(value)}, at the {end} end")
    if not at_an_end:
        return ""
    return f"Chosen at an end of its range: {listed(at_an_end)}. A wider range may hold better settings."


def _place(value: float, values: Range) -> float:
    """Where in a range a value lies: 0 at the lower end, 1 at the upper one.

    >>> _place(0.001, Range(low=0.0001, high=0.01, log=True))
    0.5
    """
    low, high, at = (log(number) if values.log else number for number in (values.low, values.high, value))
    return round((at - low) / (high - low), 9)
