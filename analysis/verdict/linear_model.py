"""Rules that compare with the linear model: variants that do not reach it, or a linear model that is a low bar."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.comparison.differences import Comparison, Score
from analysis.comparison.experiment import Experiment
from analysis.comparison.standing import LINEAR, MAJORITY, Gap, Standing, is_weak
from analysis.verdict.findings import ACCURACY, Finding, Settings
from analysis.verdict.phrases import listed

# A variant is below the linear model if chance cannot explain the loss, or if the loss is this large: with few seeds,
# one of which failed, the interval is wide enough to hide any loss. A loss of a point that chance can explain is
# reported, too, because the variant should have reached the linear model.
LARGE_LOSS, LOSS = 0.03, 0.01
# If all models reach this accuracy, they differ by a document or two, or by wrong labels.
SOLVED = 0.99


def too_easy(comparison: Comparison, standing: Standing) -> Finding | None:
    """All variants, if they and the linear model solve the data."""
    scores = [*comparison.scores.values(), standing.scores[LINEAR]]
    if not comparison.differences or min(by_metric[ACCURACY.key].mean for by_metric in scores) < SOLVED:
        return None
    words = (
        "these data are too easy to show which variant is better: all of them, and a simple linear model, are right on "
        f"{100 * SOLVED:.0f} % of the test documents or more"
    )
    return Finding("too_easy", list(comparison.scores), words, "Compare the variants on harder data.")


def below_linear(
    experiment: Experiment, comparison: Comparison, standing: Standing, settings: Settings
) -> Finding | None:
    """Variants that do not reach a model of counted words and pairs of words: clearly, or perhaps by chance."""

    def reached(variants: Sequence[str]) -> str:
        return listed([f"{name} ({_accuracy(comparison.scores[name])})" for name in variants])

    gaps = {variant: standing.gaps[variant][ACCURACY.key] for variant in experiment.variants}
    missing = [variant for variant in experiment.variants if misses_linear(gaps[variant])]
    if not missing:
        return None
    worse = [variant for variant in missing if is_below(gaps[variant])]
    unclear = [variant for variant in missing if variant not in worse]
    linear = (
        "a simple linear model that only counts words and pairs of words "
        f"({_accuracy(standing.scores[LINEAR])} test accuracy)"
    )
    words = []
    if worse:
        words.append(f"{reached(worse)} {'does' if len(worse) == 1 else 'do'} worse than {linear}")
    if unclear:
        verb, model = "is" if len(unclear) == 1 else "are", "it" if worse else linear
        words.append(f"{reached(unclear)} {verb} a point or more below {model}, which chance can explain")
    rest = "With few training documents and many classes the linear model often stays ahead: then use it."
    tries = _better_settings(missing, settings)
    advice = f"To reach the linear model, try {listed(tries)}. {rest}"
    return Finding("below_linear", missing, ", and ".join(words), advice)


def is_below(gap: Gap) -> bool:
    """Whether a variant whose accuracy differs by `gap` from the linear model's is clearly below it.

    >>> is_below(Gap(-0.01, -0.02, -0.001, 0.03)), is_below(Gap(-0.01, -0.02, 0.001, 0.2))
    (True, False)
    >>> is_below(Gap(-0.1, -0.4, 0.2, 0.2)), is_below(Gap(0.01, 0.005, 0.02, 0.01))
    (True, False)
    """
    return gap.high < 0 or gap.value <= -LARGE_LOSS


def misses_linear(gap: Gap) -> bool:
    """Whether the variant is clearly below the linear model, or a point or more below whatever the interval."""
    return is_below(gap) or gap.value <= -LOSS


def beside_linear(experiment: Experiment, standing: Standing) -> list[str]:
    """Variants that are neither named as below the linear model nor clearly above it."""
    gaps = {variant: standing.gaps[variant][ACCURACY.key] for variant in experiment.variants}
    return [variant for variant, gap in gaps.items() if not misses_linear(gap) and gap.low <= 0]


def weak_linear(experiment: Experiment, standing: Standing) -> Finding | None:
    """Variants that reach a linear model which is itself no better than the most frequent class."""
    variants = beside_linear(experiment, standing)
    if not variants or not is_weak(standing):
        return None
    words = (
        f"that {listed(variants)} {'reaches' if len(variants) == 1 else 'reach'} the linear model proves nothing here, "
        f"because it is not clearly better ({_accuracy(standing.scores[LINEAR])}) than always answering the most "
        f"frequent class ({_accuracy(standing.scores[MAJORITY])})"
    )
    advice = (
        "To see whether a variant has learned, look at macro F1 and balanced accuracy, where the most frequent class "
        "alone reaches little, or let one of them decide (compare.metric). More training documents help the linear "
        "model, too."
    )
    return Finding("weak_linear", variants, words, advice)


def _accuracy(scores: Mapping[str, Score]) -> str:
    return ACCURACY.shown_with_unit(scores[ACCURACY.key].mean)


def _better_settings(names: Sequence[str], settings: Settings) -> list[str]:
    """Settings that usually win and are not set for the variants `names`."""
    variants = [settings.variants[name] for name in names]
    lacks: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "initialization: keras": lambda variant: variant["initialization"] == "pytorch",
        "pooling: max": lambda variant: variant["pooling"] == "last",
        "head_dropout and embedding_dropout: 0.3 to 0.5": lambda variant: (
            not (variant["head_dropout"] or variant["embedding_dropout"])
        ),
    }
    tries = [setting for setting, is_lacking in lacks.items() if any(map(is_lacking, variants))]
    if not any(map(settings.has_vectors, names)):
        tries.append("pretrained tokenize.vectors")
    if not settings.train["early_stopping"]:
        tries.append("more train.epochs with train.early_stopping: 3")
    return tries or ["more training documents"]
