"""What the variants cost: time and memory of their trainings and predictions, as far as they were measured."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np


class Cost(NamedTuple):
    """One kind of cost: what it is called, how it is printed, and whether less of it is better."""

    key: str
    title: str
    format: str
    less_is_better: bool = True

    def shown(self, value: float) -> str:
        """A value as it is printed."""
        return self.format.format(value)


COSTS = (
    Cost("training_seconds", "training, seconds", "{:,.1f}"),
    Cost("tokens_per_second_mean", "tokens a second in training", "{:,.0f}", less_is_better=False),
    Cost("milliseconds_a_document", "prediction, ms a document", "{:.2f}"),
    Cost("peak_memory_mb", "peak memory in training, MB", "{:,.0f}"),
)

Measured = Sequence[Mapping[str, float]]  # of one variant: what is known of each of its trainings


def mean_cost(trainings: Measured, key: str) -> float | None:
    """The mean over the trainings of which it is known; None if it is known of none."""
    known = [training[key] for training in trainings if key in training]
    return float(np.mean(known)) if known else None


def cost_range(trainings: Measured, key: str) -> tuple[float, float] | None:
    """The lowest and the highest, if it is known of two trainings or more."""
    known = [training[key] for training in trainings if key in training]
    return (min(known), max(known)) if len(known) > 1 else None
