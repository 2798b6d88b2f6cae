"""What the searches mean for the verdict, in sentences."""

from analysis.comparison.experiment import Experiment
from analysis.tuning.search import Tuning
from analysis.verdict.words import listed

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
