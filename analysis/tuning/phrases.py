"""What the searches mean for the verdict, in sentences."""

from math import log

from analysis.comparison.experiment import Experiment
from analysis.tuning.search import Tuning
from analysis.verdict.phrases import listed
from config.settings import value_shown
from config.tuning import Range

END = 0.05  # share of a range, on its own scale, that is called its end
SAMPLERS = {"random": "random search", "quasi_random": "quasi-random search", "tpe": "TPE"}


def after_tuning(trials: int) -> str:
    """How a claim names the searches; empty without any.

    >>> after_tuning(20), after_tuning(0)
    (' after equal tuning, 20 trials each', '')
    """
    return f" after equal tuning, {_counted(trials, 'trial')} each" if trials else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"


def what_the_interval_covers(experiment: Experiment) -> str:
    """Whether the interval of a difference covers the luck of the search."""
    if experiment.repeats > 1:
        return (
            f"The search was run {experiment.repeats} times for each variant, and each seed trained the setting of its "
            "own search: so the interval covers the luck of the search as well as seeds and test documents."
        )
    return (
        "The interval is conditional on the chosen settings: it covers seeds and test documents, but not the luck of "
        "the search, which may have found a better setting for one variant than for another. "
        "With compare.tuning.repeats the search is repeated, and the interval covers its luck as well."
    )


def how_it_was_searched(tuning: Tuning) -> str:
    """Budget and space, in two sentences or more."""
    fewest, most = tuning.epochs
    epochs = _counted(fewest, "epoch") if fewest == most else f"{fewest} to {most} epochs"
    repeats = f"{tuning.repeats} searches of " if tuning.repeats > 1 else ""
    trials = _counted(tuning.trials, "trial")
    sentences = [
        f"Every variant got {repeats}{trials} by {SAMPLERS[tuning.sampler]} over {listed(tuning.keys)}, "
        f"on the same validation documents, with {epochs} each; the setting with the best validation "
        f"{tuning.metric.title} was then trained with new seeds."
    ]
    if tuning.documents < tuning.all_documents:
        sentences.append(
            f"Trials learned from {tuning.documents:,} of the {tuning.all_documents:,} training documents, final "
            "trainings from all of them: what is best for few documents need not be best for all."
        )
    if failed := {variant: search.failed for variant, search in tuning.searches.items() if search.failed}:
        counts = listed([f"{number} of {variant}" for variant, number in failed.items()])
        sentences.append(f"The loss of some trials was not finite ({counts}); they count as the worst of the others.")
    return " ".join(sentences)


def what_more_trials_buy(tuning: Tuning, spread: float | None) -> str:
    """Whether the searches had converged: what the second half of the trials was worth.

    `spread` is the largest standard deviation over seeds of a final training's score; None with one seed.
    """
    if tuning.trials < 2:
        return ""
    half = tuning.trials // 2
    metric = tuning.metric
    curves = {variant: tuning.curve(variant).means for variant in tuning.searches}
    changes = {variant: means[-1] - means[half - 1] for variant, means in curves.items()}
    shown = listed(
        [f"{metric.shown_difference(change, narrow=True)} {metric.unit} for {name}" for name, change in changes.items()]
    )
    words = f"From {half} to {tuning.trials} trials the expected best validation {metric.title} changes by {shown}"
    if spread is None:
        return f"{words}."
    if max(map(metric.gain, changes.values())) > spread:
        return (
            f"{words}, which is more than {_spread_shown(tuning, spread)}: the search has not levelled off, and more "
            "trials may find better settings (compare.tuning.trials)."
        )
    return f"{words}, which is no more than {_spread_shown(tuning, spread)}: the search has levelled off."


def how_sure_the_choice_is(tuning: Tuning, spread: float | None) -> str:
    """How many other trials came so near to the best one that the seed may have decided between them."""
    if spread is None:
        return ""
    near = {variant: _near_the_best(tuning, variant, spread) for variant in tuning.searches}
    counts = listed([f"{number} of {variant}" for variant, number in near.items()])
    return (
        f"Each setting was tried with one seed. Other trials within {_spread_shown(tuning, spread)} of the best one: "
        f"{counts}. With another seed, one of these settings might have been chosen."
        if any(near.values())
        else f"No other trial came within {_spread_shown(tuning, spread)} of the best one."
    )


def _near_the_best(tuning: Tuning, variant: str, spread: float) -> int:
    """The number of trials within `spread` of the best of their search, without the best ones."""
    search, number = tuning.searches[variant], 0
    for repeat, chosen in enumerate(search.chosen):
        best = search.scores[chosen]
        assert best is not None
        scores = search.scores[repeat * tuning.trials : (repeat + 1) * tuning.trials]
        number += sum(score is not None and abs(score - best) <= spread for score in scores) - 1
    return number


def _spread_shown(tuning: Tuning, spread: float) -> str:
    return f"one standard deviation over seeds ({tuning.metric.shown(spread)} {tuning.metric.unit})"


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
