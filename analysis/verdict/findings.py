"""Rules on test scores: when a comparison is not to be relied on, why, and what usually helps.

linear_model.py has the rules that compare with the linear model, convergence.py those on learning curves; soundness.py
applies all. docs/statistics.md explains the thresholds, which stand in these three modules alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import METRICS
from analysis.comparison.standing import Standing
from analysis.verdict.phrases import listed

ACCURACY = METRICS[0]
KINDS = (
    "did_not_learn", "learning_unclear", "too_easy", "below_linear", "weak_linear", "not_converged", "overfit",
    "large_difference",
)  # fmt: skip

# Two standard errors above chance show that a training learned. A model that always answers one class is at chance or
# below. A training above chance by more than this may have learned, even if too few test documents show it.
ABOVE_CHANCE = 0.01
# Well-trained variants seldom differ by more on natural text; bad initial weights have turned 2 points into 17.
LARGE_DIFFERENCE = 0.03
# A training loss that is not below that of always predicting the class shares by this share did not move.
LOSS_MOVED = 0.05
# Adam's usual range for recurrent models; so few steps are few whatever the rate.
HIGH_RATE, LOW_RATE, FEW_STEPS = 0.01, 0.0003, 300
# More unknown tokens than this mean a tokenizer or a vocabulary that does not fit.
UNKNOWN_SHARE = 0.30

History = Sequence[Mapping[str, float]]  # the epochs of one training
Histories = Mapping[str, Sequence[History]]  # of each variant's seeds


@dataclass(frozen=True)
class Settings:
    """How the variants were trained.

    Attributes:
        variants: each one's section of params.yaml, with all defaults filled in
        train: the section `train`, likewise, of the baseline
        tuned: the section `train` of each variant, if a setting was searched for each
        share_unknown: share of the test tokens that are not in the vocabulary
        vectors: whether embeddings start from pretrained vectors
        pretrained: of each variant that starts from pretraining, what that is (outputs/pretrained.py)
    """

    variants: Mapping[str, Mapping[str, Any]]
    train: Mapping[str, Any]
    share_unknown: float
    vectors: bool
    tuned: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pretrained: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def has_vectors(self, variant: str) -> bool:
        """Whether a variant's embedding starts from vectors that were learned before."""
        return self.vectors or variant in self.pretrained

    def learning_rate(self, variant: str) -> float:
        """The highest learning rate of a variant's training."""
        rate: float = self.tuned.get(variant, self.train)["learning_rate"]
        return rate


@dataclass(frozen=True)
class Finding:
    """One reason not to rely on the comparison.

    Attributes:
        kind: the rule, one of KINDS
        variants: the variants concerned
        words: the reason, as a part of the verdict's first sentence
        advice: what usually helps, one line
    """

    kind: str
    variants: list[str]
    words: str
    advice: str


class Chance(NamedTuple):
    """What guessing reaches, in accuracy and in balanced accuracy, and two standard errors of each."""

    accuracy: float
    accuracy_margin: float
    balanced: float
    balanced_margin: float

    def reaches(self, accuracy: float, balanced: float, largest_margin: float = 1.0) -> bool:
        """Whether guessing reaches both values; margins count up to `largest_margin`.

        Both count, since a model that treats all classes alike may have an accuracy below the largest class's share.
        """
        return (
            accuracy <= self.accuracy + min(self.accuracy_margin, largest_margin)
            and balanced <= self.balanced + min(self.balanced_margin, largest_margin)
        )  # fmt: skip


def chance(experiment: Experiment) -> Chance | None:
    """What guessing reaches on these test documents; None if all have the same class."""
    counts = np.bincount(experiment.labels)
    counts = counts[counts > 0]
    if len(counts) == 1:
        return None
    common, guess = float(counts.max() / counts.sum()), 1 / len(counts)
    return Chance(
        accuracy=common,
        accuracy_margin=2 * float(np.sqrt(common * (1 - common) / counts.sum())),
        balanced=guess,
        balanced_margin=2 * float(np.sqrt(guess * (1 - guess) * (1 / counts).sum())) / len(counts),
    )


def did_not_learn(
    experiment: Experiment, comparison: Comparison, settings: Settings, histories: Histories
) -> Finding | None:
    """Trainings no better than always answering the most frequent class; they dominate a variant's mean."""
    failed = _seeds_at_chance(experiment, comparison, learned_something=False)
    if not failed:
        return None
    words, reasons = [], []
    for variant, indices in failed.items():
        words.append(f"{variant} did not learn{_with_seeds(experiment, indices)}")
        runs = [histories[variant][training] for index in indices for training in experiment.trainings_of(index)]
        reason = why_not_learned(experiment, settings, runs, settings.learning_rate(variant))
        if reason not in reasons:
            reasons.append(reason)
    start = "Its accuracy is no better than that of always answering the most frequent class."
    return Finding("did_not_learn", list(failed), listed(words), " ".join([start, *reasons]))


def learning_unclear(experiment: Experiment, comparison: Comparison) -> Finding | None:
    """Trainings above the most frequent class, but by no more than chance gives on so few test documents."""
    unclear, guessing = _seeds_at_chance(experiment, comparison, learned_something=True), chance(experiment)
    if not unclear or guessing is None:
        return None
    names = [
        f"{variant} ({ACCURACY.shown_with_unit(_mean_accuracy(comparison, variant, indices))}"
        f"{_with_seeds(experiment, indices)})"
        for variant, indices in unclear.items()
    ]
    documents = f"{len(experiment.labels):,} test documents"
    words = (
        f"{documents} are too few to show whether {listed(names)} learned more than to answer the most frequent class "
        f"({ACCURACY.shown_with_unit(guessing.accuracy)})"
    )
    bound = ACCURACY.shown_with_unit(guessing.accuracy + guessing.accuracy_margin)
    advice = f"With {documents}, chance alone gives an accuracy up to {bound}: test on more documents."
    return Finding("learning_unclear", list(unclear), words, advice)


def _seeds_at_chance(experiment: Experiment, comparison: Comparison, learned_something: bool) -> dict[str, list[int]]:
    """The seeds (indices) that guessing may explain, by variant: those above chance, or those at or below it."""
    guessing = chance(experiment)
    if guessing is None:
        return {}
    seeds: dict[str, list[int]] = {}
    for variant, scores in comparison.scores.items():
        pairs = zip(scores["accuracy"].values, scores["balanced_accuracy"].values, strict=True)
        for index, values in enumerate(pairs):
            failed = guessing.reaches(*values, largest_margin=ABOVE_CHANCE)
            if guessing.reaches(*values) and failed != learned_something:
                seeds.setdefault(variant, []).append(index)
    return seeds


def _with_seeds(experiment: Experiment, indices: Sequence[int]) -> str:
    if len(indices) == len(experiment.seeds):
        return " with any seed" if len(indices) > 1 else ""
    unit = f"{experiment.unit}s" if len(indices) > 1 else experiment.unit
    return f" with {unit} {listed([str(experiment.seeds[index]) for index in indices])}"


def _mean_accuracy(comparison: Comparison, variant: str, indices: Sequence[int]) -> float:
    return float(np.mean([comparison.scores[variant]["accuracy"].values[index] for index in indices]))


def why_not_learned(experiment: Experiment, settings: Settings, histories: Sequence[History], rate: float) -> str:
    """The likely reason why these trainings, with the learning rate `rate`, did not learn, and what to try."""
    steps = histories[0][-1]["step"]
    least = (1 - LOSS_MOVED) * _entropy(experiment)
    if settings.share_unknown > UNKNOWN_SHARE:
        return (
            f"{settings.share_unknown:.0%} of the test tokens are unknown to the vocabulary: set tokenize.tokenizer to "
            "sentencepiece or characters, or raise tokenize.max_size."
        )
    if np.mean([min(epoch["validation_loss"] for epoch in history) for history in histories]) < least:
        return (
            "It began to learn, because its validation loss fell below that of predicting the class shares: raise "
            "train.epochs or train.learning_rate."
        )
    if np.mean([history[-1]["train_loss"] for history in histories]) < least:
        return (
            "It learned its training documents, but nothing that generalizes: it needs more of them, or other features "
            "of the text; check that the labels are right."
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


def large_difference(comparison: Comparison, standing: Standing, settings: Settings) -> Finding | None:
    """Differences larger than good training usually leaves, with settings that are known to cause them."""
    gaps = {variant: differences[ACCURACY.key].value for variant, differences in comparison.differences.items()}
    large = [variant for variant, gap in gaps.items() if abs(gap) > LARGE_DIFFERENCE]
    doubts = []
    models = settings.variants.values()
    drawn = [model for name, model in settings.variants.items() if not settings.has_vectors(name)]
    if any(model["initialization"] == "pytorch" for model in drawn):
        doubts.append("initialization: pytorch, whose embeddings start from N(0, 1)")
    if any(model["pooling"] == "last" for model in models):
        doubts.append("pooling: last, which forgets the beginning of long documents")
    if any(gaps_to_linear[ACCURACY.key].value < 0 for gaps_to_linear in standing.gaps.values()):
        doubts.append("a variant that is not above the linear model")
    if not large or not doubts:
        return None
    points = listed([f"{ACCURACY.shown_difference(gaps[name])} points of {name}" for name in large])
    words = f"a difference as large as this ({points}) often shrinks with better training"
    advice = (
        f"It rests on {listed(doubts)}. Train all variants again with initialization: keras and pooling: max, and "
        "report the difference only if it remains."
    )
    return Finding("large_difference", large, words, advice)
