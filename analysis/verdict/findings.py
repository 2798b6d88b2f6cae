"""The rules by which a comparison is distrusted, and what each says to a reader: the reason, and what usually mends it.

They look at the test scores and at the histories of the epochs. Their thresholds stand here alone; docs/statistics.md
explains them. analysis/verdict/soundness.py applies them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.comparison.differences import Comparison, Score
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import METRICS
from analysis.comparison.standing import LINEAR, Gap, Standing
from analysis.verdict.words import listed

ACCURACY = METRICS[0]
KINDS = ("did_not_learn", "below_linear", "not_converged", "overfit", "large_difference")

# A variant is below the linear model where chance is no explanation, or by so much that it needs none: the interval of
# a few seeds, one of which failed, is wide enough to hide any loss.
LARGE_LOSS = 0.03
# The last epoch still improved a variant if its validation loss fell by this share and by so many nats (a loss near 0
# halves without meaning), or its accuracy rose by so much (less is a document or two on small validation splits).
LOSS_FALL, LOSS_FALL_NATS, ACCURACY_RISE = 0.03, 0.01, 0.01
# A variant overfits if in the epoch that gave its weights training accuracy is above validation accuracy by this much:
# as large as what dropout usually moves. Or if that epoch came in the first half, some epochs before the last, and the
# validation loss has risen by this share since: its weights are those of a model that had just begun.
ACCURACY_GAP = 0.10
EPOCHS_AFTER, LOSS_RISE = 3, 0.25
# Well-trained variants seldom differ by more on natural text; bad starts have made 17 points out of 2.
LARGE_DIFFERENCE = 0.03
# A training loss this close to that of answering the classes' shares did not move.
LOSS_MOVED = 0.05
# Adam's usual range for recurrent models; so few steps are few whatever the rate.
HIGH_RATE, LOW_RATE, FEW_STEPS = 0.01, 0.0003, 300
# More unknown tokens than this mean a tokenizer or a vocabulary that does not fit.
UNKNOWN_SHARE = 0.30

History = Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class Settings:
    """With what the variants were trained.

    Attributes:
        variants: each one's section of params.yaml, with what was left out
        train: the section `train`, likewise
        share_unknown: of the test tokens, which are not in the vocabulary
        vectors: whether embeddings start from pretrained vectors
    """

    variants: Mapping[str, Mapping[str, Any]]
    train: Mapping[str, Any]
    share_unknown: float
    vectors: bool


@dataclass(frozen=True)
class Finding:
    """One reason to distrust the comparison.

    Attributes:
        kind: which rule found it, a key of KINDS
        variants: which it concerns
        words: the reason, as a part of the verdict's first sentence
        advice: what usually mends it, one line
    """

    kind: str
    variants: list[str]
    words: str
    advice: str


def did_not_learn(
    experiment: Experiment, comparison: Comparison, settings: Settings, histories: Mapping[str, Sequence[History]]
) -> Finding | None:
    """Trainings that are no better than the most frequent class; they decide a variant's mean."""
    failed = {
        variant: seeds for variant, scores in comparison.scores.items() if (seeds := _failed_seeds(experiment, scores))
    }
    if not failed:
        return None
    words, reasons = [], []
    for variant, indices in failed.items():
        names = listed([str(experiment.seeds[index]) for index in indices])
        words.append(f"{variant} did not learn with seed{'s' if len(indices) > 1 else ''} {names}")
        why = why_not_learned(experiment, settings, [histories[variant][index] for index in indices])
        if why not in reasons:
            reasons.append(why)
    chance = "Its accuracy is no better than that of always giving the most frequent class."
    return Finding("did_not_learn", list(failed), listed(words), " ".join([chance, *reasons]))


def _failed_seeds(experiment: Experiment, scores: Mapping[str, Score]) -> list[int]:
    """Which seeds are no better than the most frequent class, nor than guessing, within two standard errors.

    A model that weighs classes alike may have a lower accuracy than the most frequent class's share, and has learned.
    """
    counts = np.bincount(experiment.labels)
    counts = counts[counts > 0]
    if len(counts) == 1:
        return []
    documents, common, guess = len(experiment.labels), float(counts.max() / counts.sum()), 1 / len(counts)
    chance = common + 2 * float(np.sqrt(common * (1 - common) / documents))
    by_class = guess + 2 * float(np.sqrt(guess * (1 - guess) * (1 / counts).sum())) / len(counts)
    pairs = zip(scores["accuracy"].values, scores["balanced_accuracy"].values, strict=True)
    return [index for index, (value, balanced) in enumerate(pairs) if value <= chance and balanced <= by_class]


def why_not_learned(experiment: Experiment, settings: Settings, histories: Sequence[History]) -> str:
    """Why these trainings learned nothing, as far as it can be seen, and what to try."""
    rate, steps = settings.train["learning_rate"], histories[0][-1]["step"]
    if settings.share_unknown > UNKNOWN_SHARE:
        return (
            f"{settings.share_unknown:.0%} of the test tokens are unknown to the vocabulary: set tokenize.tokenizer to "
            "sentencepiece or characters, or raise tokenize.max_size."
        )
    if np.mean([min(_column(history, "validation_loss")) for history in histories]) < (1 - LOSS_MOVED) * _entropy(
        experiment
    ):
        return (
            "It began to learn, for its validation loss fell below that of answering the classes' shares: raise "
            "train.epochs or train.learning_rate; a small test split may hide what it learned."
        )
    if np.mean([history[-1]["train_loss"] for history in histories]) < (1 - LOSS_MOVED) * _entropy(experiment):
        return (
            "It learned its training documents, but nothing that holds for others: it needs more of them, or other "
            "features of the text; check that the labels are right."
        )
    still = "Its training loss did not move"
    if rate >= HIGH_RATE:
        return f"{still}, and a learning rate of {rate:g} is high: try train.learning_rate: 0.001."
    if rate <= LOW_RATE:
        return f"{still}, and a learning rate of {rate:g} is low: try train.learning_rate: 0.003."
    if steps < FEW_STEPS:
        return f"{still} in {steps:,.0f} steps, which are few: raise train.epochs, or lower train.batch_size."
    return f"{still}: try initialization: keras, pooling: max, and a shorter tokenize.max_tokens."


def _entropy(experiment: Experiment) -> float:
    """The loss of answering with the classes' shares, in nats."""
    shares = np.bincount(experiment.labels) / len(experiment.labels)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def below_linear(
    experiment: Experiment, comparison: Comparison, standing: Standing, settings: Settings
) -> Finding | None:
    """Variants that a model of counted words and pairs of words beats."""
    below = [variant for variant in experiment.variants if is_below(standing.gaps[variant][ACCURACY.key])]
    if not below:
        return None
    reached = [f"{name} ({ACCURACY.shown(comparison.scores[name][ACCURACY.key].mean)} %)" for name in below]
    linear = ACCURACY.shown(standing.scores[LINEAR][ACCURACY.key].mean)
    words = (
        f"{listed(reached)} {'does' if len(below) == 1 else 'do'} worse than a simple linear model that only counts "
        f"words and pairs of words ({linear} % test accuracy)"
    )
    rest = "With few training documents and many classes the linear model often stays ahead: then use it."
    tries = _better_settings([settings.variants[name] for name in below], settings)
    return Finding("below_linear", below, words, f"To reach the linear model, try {listed(tries)}. {rest}")


def is_below(gap: Gap) -> bool:
    """Whether a variant whose accuracy differs by `gap` from the linear model's is below it.

    >>> is_below(Gap(-0.01, -0.02, -0.001, 0.03)), is_below(Gap(-0.01, -0.02, 0.001, 0.2))
    (True, False)
    >>> is_below(Gap(-0.1, -0.4, 0.2, 0.2)), is_below(Gap(0.01, 0.005, 0.02, 0.01))
    (True, False)
    """
    return gap.high < 0 or gap.value <= -LARGE_LOSS


def _better_settings(variants: Sequence[Mapping[str, Any]], settings: Settings) -> list[str]:
    """Settings that usually win and are not set."""
    wanted: dict[str, Callable[[Mapping[str, Any]], bool]] = {
        "initialization: keras": lambda variant: variant["initialization"] == "pytorch",
        "pooling: max": lambda variant: variant["pooling"] == "last",
        "head_dropout and embedding_dropout: 0.3 to 0.5": lambda variant: (
            not (variant["head_dropout"] or variant["embedding_dropout"])
        ),
    }
    tries = [name for name, lacks in wanted.items() if any(map(lacks, variants))]
    if not settings.vectors:
        tries.append("pretrained tokenize.vectors")
    if not settings.train["early_stopping"]:
        tries.append("more train.epochs with train.early_stopping: 3")
    return tries or ["more training documents"]


def not_converged(settings: Settings, histories: Mapping[str, Sequence[History]]) -> Finding | None:
    """Variants that longer training would probably improve."""
    short = [variant for variant, runs in histories.items() if all(len(history) == 1 for history in runs)]
    improving = [variant for variant, runs in histories.items() if is_improving(runs)]
    words = []
    if improving:
        words.append(f"{listed(improving)} {_was(improving)} still improving in the last epoch")
    if short:
        words.append(f"{listed(short)} {_was(short)} trained for one epoch, too few to see whether more would help")
    if not words:
        return None
    key = "train.max_seconds" if settings.train["max_seconds"] else "train.epochs"
    advice = (
        f"To train long enough, raise {key} until the validation loss stops falling; train.early_stopping: 3 then "
        "ends each training in time."
    )
    chosen = [variant for variant in histories if variant in {*short, *improving}]
    return Finding("not_converged", chosen, listed(words), advice)


def is_improving(histories: Sequence[History]) -> bool:
    """Whether the last epoch still improved a variant's validation loss or accuracy, in the mean over its seeds."""
    longer = [history for history in histories if len(history) > 1]
    if not longer:
        return False
    losses = [(min(_column(history[:-1], "validation_loss")), history[-1]["validation_loss"]) for history in longer]
    falls = np.array([before - last for before, last in losses])
    shares = falls / np.maximum([before for before, _ in losses], 1e-12)
    rises = [
        history[-1]["validation_accuracy"] - max(_column(history[:-1], "validation_accuracy")) for history in longer
    ]
    falling = shares.mean() >= LOSS_FALL and falls.mean() >= LOSS_FALL_NATS
    return bool(falling or np.mean(rises) >= ACCURACY_RISE)


def overfit(settings: Settings, histories: Mapping[str, Sequence[History]]) -> Finding | None:
    """Variants that read their training documents much better than new ones."""
    monitor = settings.train["monitor"]
    figures, found = [], []
    for variant, runs in histories.items():
        best = [chosen_epoch(history, monitor) for history in runs]
        train, validation = (
            float(np.mean([history[index][key] for history, index in zip(runs, best, strict=True)]))
            for key in ("train_accuracy", "validation_accuracy")
        )
        if train - validation >= ACCURACY_GAP:
            found.append(variant)
            figures.append(
                f"{variant} {ACCURACY.shown(train)} % right in training, {ACCURACY.shown(validation)} in validation"
            )
        elif all(is_past_its_best(history, index) for history, index in zip(runs, best, strict=True)):
            found.append(variant)
            epochs = sorted({index + 1 for index in best})
            figures.append(
                f"{variant} at its best in epoch {listed(list(map(str, epochs)))} of {max(map(len, runs))}, then worse"
            )
    if not found:
        return None
    verb = "overfits: it fits its" if len(found) == 1 else "overfit: they fit their"
    sentence = f"{listed(found)} {verb} training documents much better than new ones"
    advice = (
        f"Against overfitting ({'; '.join(figures)}): head_dropout and embedding_dropout of 0.3 to 0.5, "
        "train.weight_decay: 0.01, a smaller hidden_size, a lower train.learning_rate, or more training documents."
    )
    return Finding("overfit", found, sentence, advice)


def chosen_epoch(history: History, monitor: str) -> int:
    """The index of the epoch that gave the weights: the first of the best ones."""
    values = np.array(_column(history, monitor))
    return int(values.argmin() if monitor == "validation_loss" else values.argmax())


def is_past_its_best(history: History, best: int) -> bool:
    """Whether the epoch `best` (an index) came early, and the validation loss has risen much since."""
    early = 2 * (best + 1) <= len(history) and len(history) - 1 - best >= EPOCHS_AFTER
    return early and history[-1]["validation_loss"] >= (1 + LOSS_RISE) * history[best]["validation_loss"]


def large_difference(comparison: Comparison, standing: Standing, settings: Settings) -> Finding | None:
    """Differences larger than good training usually leaves, from settings that are known to make such."""
    gaps = {variant: found[ACCURACY.key].value for variant, found in comparison.differences.items()}
    large = [variant for variant, gap in gaps.items() if abs(gap) > LARGE_DIFFERENCE]
    doubts = []
    if any(found["initialization"] == "pytorch" for found in settings.variants.values()) and not settings.vectors:
        doubts.append("initialization: pytorch, whose embeddings start from N(0, 1)")
    if any(found["pooling"] == "last" for found in settings.variants.values()):
        doubts.append("pooling: last, which forgets the beginning of long documents")
    if any(found[ACCURACY.key].value < 0 for found in standing.gaps.values()):
        doubts.append("a variant that is not above the linear model")
    if not large or not doubts:
        return None
    points = listed([f"{ACCURACY.shown_difference(gaps[name])} points of {name}" for name in large])
    words = f"a difference as large as this ({points}) often shrinks with better training"
    advice = (
        f"It rests on {listed(doubts)}. Train all variants again with initialization: keras and pooling: max, and "
        "report the difference only if it stays."
    )
    return Finding("large_difference", large, words, advice)


def _column(history: History, key: str) -> list[float]:
    return [epoch[key] for epoch in history]


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"
