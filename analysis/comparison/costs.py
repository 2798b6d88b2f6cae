"""What the variants cost: time and memory of their trainings and predictions, as far as they were measured.

Costs can be compared only if they were measured under the same conditions (outputs/conditions.py): on one core of a
grid a training takes longer than alone on two.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Cost(NamedTuple):
    """One kind of cost: what it is called, how it is printed, whether variants are compared in it, and what it was of.

    A cold start says nothing of a variant: who comes first on a machine compiles for all.
    """

    key: str
    title: str
    format: str
    is_compared: bool = True
    stage: str = "training"

    def shown(self, value: float) -> str:
        """A value as it is printed."""
        return self.format.format(value)


COSTS = (
    Cost("training_seconds", "training, seconds", "{:,.1f}"),
    Cost("tokens_per_second_median", "tokens a second in training (median step)", "{:,.0f}"),
    Cost("milliseconds_a_document", "prediction, ms a document", "{:.3f}", stage="prediction"),
    Cost("peak_memory_mb", "peak memory in training, MB", "{:,.0f}"),
    Cost("training_startup_seconds", "cold start of training, seconds", "{:,.1f}", is_compared=False),
    Cost("prediction_startup_seconds", "cold start of prediction, seconds", "{:,.1f}", False, "prediction"),
)

CONDITIONS = {
    "cores": "CPU cores",
    "processor": "processor",
    "gpu": "GPU",
    "engine": "engine",
    "torch": "torch",
    "numba": "numba",
}

Measured = Sequence[Mapping[str, Any]]  # of one variant: what is known of each of its trainings


def mean_cost(trainings: Measured, key: str) -> float | None:
    """The mean over the trainings of which it is known; None if it is known of none."""
    known = [training[key] for training in trainings if key in training]
    return float(np.mean(known)) if known else None


def cost_range(trainings: Measured, key: str) -> tuple[float, float] | None:
    """The lowest and the highest, if it is known of two trainings or more."""
    known = [training[key] for training in trainings if key in training]
    return (min(known), max(known)) if len(known) > 1 else None


def cost_ratio(own: Measured, baseline: Measured, cost: Cost) -> float | None:
    """A variant's mean cost by the baseline's; None if one is unknown, or if they cannot be compared."""
    mean, against = mean_cost(own, cost.key), mean_cost(baseline, cost.key)
    if mean is None or not against or not cost.is_compared or unlike([*own, *baseline], cost.stage):
        return None
    return mean / against


def condition_values(trainings: Measured, stage: str, name: str) -> list[str]:
    """The values that one of the CONDITIONS had in `stage` of the trainings, each once, in the order of their text."""
    found = [each for training in trainings for each in training.get(f"{stage}_conditions", [])]
    return sorted({str(each[name]) for each in found if name in each})


def unlike(trainings: Measured, stage: str) -> str:
    """In what the conditions of `stage` differ between trainings, in words; "" if in nothing.

    Example:
        >>> unlike([{"training_conditions": [{"cores": cores, "engine": "alone"}]} for cores in (2, 1)], "training")
        'CPU cores 1 and 2'
    """
    values = {title: condition_values(trainings, stage, name) for name, title in CONDITIONS.items()}
    return ", ".join(f"{title} {' and '.join(found)}" for title, found in values.items() if len(found) > 1)


def not_compared(trainings: Measured) -> str:
    """Which costs cannot be compared between trainings, and why, as a clause; "" if all can."""
    stages: dict[str, list[str]] = {}  # by what differs in them
    for stage in ("training", "prediction"):
        if difference := unlike(trainings, stage):
            stages.setdefault(difference, []).append(stage)
    return "; ".join(
        f"costs of {' and '.join(found)} are not compared, for their conditions differed: {difference}"
        for difference, found in stages.items()
    )


def measured_on(trainings: Measured) -> str:
    """The conditions of the trainings, in one sentence; "" where nothing was measured."""
    values = {title: condition_values(trainings, "training", name) for name, title in CONDITIONS.items()}
    shown = ", ".join(f"{title} {' and '.join(found)}" for title, found in values.items() if found)
    return f"Trained on: {shown}. Other hardware gives different numbers." if shown else ""
