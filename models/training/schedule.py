"""The learning rate over the steps of a training: `train.schedule` and `train.warmup_share`."""

import math

from config.choices import Schedule


def learning_rate_factor(step: int, steps: int, warmup_share: float, schedule: Schedule) -> float:
    """What the learning rate is multiplied by at `step` of `steps`: up to 1 during warm-up, then down to 0.

    Example:
        >>> [learning_rate_factor(step, 10, 0.2, "linear") for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warmup = math.ceil(steps * warmup_share)
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - progress
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * progress))
