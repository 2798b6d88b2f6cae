"""Rules on learning curves: trainings that ended too early, overfit, were best early, or contradict the test."""

from collections.abc import Sequence

import numpy as np

from analysis.comparison.differences import Comparison
from analysis.comparison.experiment import Experiment
from analysis.verdict.findings import ACCURACY, Finding, Histories, History, Settings
from analysis.verdict.phrases import listed

# The last epoch still improved a variant if its validation loss fell by this share and by so many nats (a loss near 0
# halves without meaning), or its accuracy rose by so much (less is a document or two on small validation splits).
LOSS_FALL, LOSS_FALL_NATS, ACCURACY_RISE = 0.03, 0.01, 0.01
# A falling learning rate ends any improvement. So the same fall counts over the last epochs with this share of the sum
# of learning rates (half of the epochs of a linear schedule), but only of a variant whose training loss is at least
# this many times its validation loss: it does not fit its training documents yet, and longer training helps most.
LATE_SHARE, UNFITTED = 0.25, 0.75
# A variant overfits if, in the epoch that gave its weights, training accuracy exceeds validation accuracy by this much,
# which is about what dropout usually changes. It also does if that epoch came in the first half, some epochs before the
# last, and the validation loss has risen by this share since: its weights had only just begun to train.
ACCURACY_GAP = 0.10
EPOCHS_AFTER, LOSS_RISE = 3, 0.25
DROPOUT, WEIGHT_DECAY = (0.3, 0.5), 0.01  # the usual ones against overfitting


def not_converged(settings: Settings, histories: Histories) -> Finding | None:
    """Variants that longer training would probably improve."""
    single_epoch = [variant for variant, runs in histories.items() if all(len(history) == 1 for history in runs)]
    last = [variant for variant, runs in histories.items() if is_improving(runs)]
    late = [
        variant
        for variant, runs in histories.items()
        if variant not in last and is_unfinished(runs, settings.learning_rate(variant))
    ]
    words = []
    if last:
        words.append(f"{listed(last)} {_was(last)} still improving in the last epoch")
    if late:
        verb = "does" if len(late) == 1 else "do"
        words.append(
            f"{listed(late)} improved until the learning rate fell, and {verb} not yet fit the training documents"
        )
    if single_epoch:
        words.append(
            f"{listed(single_epoch)} {_was(single_epoch)} trained for one epoch, too few to see whether more would help"
        )
    if not words:
        return None
    key = "train.max_seconds" if settings.train["max_seconds"] else "train.epochs"
    faster = " or train.learning_rate" if late else ""
    advice = (
        f"To train long enough, raise {key}{faster} until the validation loss stops falling; train.early_stopping: 3 "
        "then ends each training in time."
    )
    concerned = [variant for variant in histories if variant in {*single_epoch, *last, *late}]
    return Finding("not_converged", concerned, listed(words), advice)


def is_improving(histories: Sequence[History]) -> bool:
    """Whether the last epoch still improved a variant's validation loss or accuracy, in the mean over its seeds."""
    longer = [history for history in histories if len(history) > 1]
    if not longer:
        return False
    rises = [
        history[-1]["validation_accuracy"] - max(_column(history[:-1], "validation_accuracy")) for history in longer
    ]
    return _has_fallen([(history, len(history) - 1) for history in longer]) or bool(np.mean(rises) >= ACCURACY_RISE)


def is_unfinished(histories: Sequence[History], learning_rate: float) -> bool:
    """Whether a variant improved late, and has not begun to fit its training documents better than new ones.

    Args:
        histories: one for each of its seeds
        learning_rate: the one at the start of the first epoch
    """
    longer = [history for history in histories if len(history) > 1]
    if not longer:
        return False
    fit = np.mean([history[-1]["train_loss"] / max(history[-1]["validation_loss"], 1e-12) for history in longer])
    return bool(fit >= UNFITTED) and _has_fallen(
        [(history, _late_epochs(history, learning_rate)) for history in longer]
    )


def _late_epochs(history: History, learning_rate: float) -> int:
    """The index, 1 or more, from which the last epochs have about LATE_SHARE of the sum of learning rates."""
    ends = np.array(_column(history, "learning_rate"))  # after each epoch
    means = (np.concatenate([[learning_rate], ends[:-1]]) + ends) / 2  # (epochs,)
    later = means[::-1].cumsum()[::-1] / max(means.sum(), 1e-12)  # share of each epoch and those after it
    return 1 + int(np.abs(later[1:] - LATE_SHARE).argmin())


def _has_fallen(starts: Sequence[tuple[History, int]]) -> bool:
    """Whether, on average, the last epoch's validation loss is clearly below the best one before `start` (an index)."""
    before = np.array([min(_column(history[:start], "validation_loss")) for history, start in starts])
    falls = before - [history[-1]["validation_loss"] for history, _ in starts]
    return bool((falls / np.maximum(before, 1e-12)).mean() >= LOSS_FALL and falls.mean() >= LOSS_FALL_NATS)


def overfit(settings: Settings, histories: Histories) -> Finding | None:
    """Variants that classify their training documents much better than new ones, or were trained far too long."""
    monitor = settings.train["monitor"]
    figures, too_long = {}, {}
    for variant, runs in histories.items():
        best = [chosen_epoch(history, monitor) for history in runs]
        train, validation = (
            float(np.mean([history[index][key] for history, index in zip(runs, best, strict=True)]))
            for key in ("train_accuracy", "validation_accuracy")
        )
        if train - validation >= ACCURACY_GAP:
            figures[variant] = (
                f"{variant} {ACCURACY.shown(train)} % right in training, {ACCURACY.shown(validation)} in validation"
            )
        elif all(is_past_its_best(history, index) for history, index in zip(runs, best, strict=True)):
            too_long[variant] = max(best) + 1
    words, advice = [], []
    if figures:
        verb = "overfits: it fits its" if len(figures) == 1 else "overfit: they fit their"
        words.append(f"{listed([*figures])} {verb} training documents much better than new ones")
        advice.append(
            f"Against overfitting ({'; '.join(figures.values())}): {', '.join(_remedies(settings, [*figures]))}, "
            "or more training documents."
        )
    if too_long:
        longest, enough = max(len(history) for runs in histories.values() for history in runs), max(too_long.values())
        its = "its" if len(too_long) == 1 else "their"
        words.append(
            f"{listed([*too_long])} {_was([*too_long])} trained too long: {its} validation loss was lowest in epoch "
            f"{_span([*too_long.values()])} of {longest}, and then rose (overfitting)"
        )
        advice.append(
            "The tested weights are those of the best epoch, in which the learning rate was still high. Train again "
            f"with train.epochs: {max(enough, 2)}, and then compare."
        )
    concerned = [variant for variant in histories if variant in {*figures, *too_long}]
    return Finding("overfit", concerned, "; ".join(words), " ".join(advice)) if concerned else None


def _remedies(settings: Settings, variants: Sequence[str]) -> list[str]:
    """What usually helps against overfitting, and these variants do not have yet."""
    dropouts = [
        key
        for key in ("head_dropout", "embedding_dropout")
        if any(settings.variants[variant][key] < DROPOUT[0] for variant in variants)
    ]
    remedies = [f"{' and '.join(dropouts)} of {DROPOUT[0]} to {DROPOUT[1]}"] if dropouts else []
    if settings.train["weight_decay"] < WEIGHT_DECAY:
        remedies.append(f"train.weight_decay: {WEIGHT_DECAY}")
    return [*remedies, "a smaller hidden_size", "a lower train.learning_rate"]


def chosen_epoch(history: History, monitor: str) -> int:
    """The index of the epoch that gave the weights: the first of the best ones."""
    values = np.array(_column(history, monitor))
    return int(values.argmin() if monitor == "validation_loss" else values.argmax())


def is_past_its_best(history: History, best: int) -> bool:
    """Whether the epoch `best` (an index) came early, and the validation loss has risen much since."""
    early = 2 * (best + 1) <= len(history) and len(history) - 1 - best >= EPOCHS_AFTER
    return early and history[-1]["validation_loss"] >= (1 + LOSS_RISE) * history[best]["validation_loss"]


def validation_remark(experiment: Experiment, comparison: Comparison, settings: Settings) -> str:
    """Which variants are ahead of the baseline in validation but behind in the test, or the reverse; else nothing."""
    key, metric = f"validation_{experiment.metric.key}", experiment.metric
    means = {}
    for variant, runs in zip(experiment.variants, experiment.histories, strict=True):
        epochs = [history[chosen_epoch(history, settings.train["monitor"])] for history in runs]
        if any(key not in epoch for epoch in epochs):  # trainings report accuracy and loss alone
            return ""
        means[variant] = float(np.mean([epoch[key] for epoch in epochs]))
    gaps = {variant: means[variant] - means[experiment.baseline] for variant in experiment.others}
    opposite = [
        f"{metric.shown_difference(gap, narrow=True)} {metric.unit} ({variant} − {experiment.baseline})"
        for variant, gap in gaps.items()
        if gap * comparison.differences[variant][metric.key].value < 0
    ]
    if not opposite:
        return ""
    return (
        f"On the validation documents the {metric.title} says the opposite: {listed(opposite)}. The difference may "
        "depend on which documents are taken."
    )


def epochs_remark(settings: Settings, histories: Histories, advise: bool) -> str:
    """Which epochs gave the weights that were tested, where these were not all the last ones; else nothing.

    With `advise` also how many epochs to train, where every training was best before the learning rate fell to 0.
    """
    train, every = settings.train, [history for runs in histories.values() for history in runs]
    chosen = {
        variant: [chosen_epoch(history, train["monitor"]) + 1 for history in runs]
        for variant, runs in histories.items()
    }
    epochs = [epoch for of_variant in chosen.values() for epoch in of_variant]
    longest, enough = max(map(len, every)), max(*epochs, 2)  # one epoch would not show whether more help
    if epochs == list(map(len, every)):
        return ""
    best = "lowest validation loss" if train["monitor"] == "validation_loss" else "highest validation accuracy"
    spans = {variant: _span(of_variant) for variant, of_variant in chosen.items()}
    same = len({*spans.values()}) == 1
    each = _span(epochs) if same else listed([f"{span} ({variant})" for variant, span in spans.items()])
    sentence = f"Each training was tested with the weights of the epoch with the {best}: {each} of {longest}."
    if not advise or train["schedule"] == "constant" or enough >= longest:
        return sentence
    return (
        f"{sentence} The learning rate was still high there, and later epochs only raised the validation loss: try "
        f"train.epochs: {enough}, with which the rate falls to 0 in time."
    )


def _span(epochs: Sequence[int]) -> str:
    """
    >>> _span([2, 3, 2]), _span([6, 6])
    ('2 to 3', '6')
    """
    low, high = min(epochs), max(epochs)
    return f"{low}" if low == high else f"{low} to {high}"


def _column(history: History, key: str) -> list[float]:
    return [epoch[key] for epoch in history]


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"
