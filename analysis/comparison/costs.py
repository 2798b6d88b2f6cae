"""What the variants cost: measured time and memory of their trainings and predictions.

Costs can be compared only if they were measured under the same conditions (outputs/conditions.py): a training takes
longer on one core of a grid than alone on two.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Cost(NamedTuple):
    """One kind of cost: its title and format, whether variants are compared in it, and the stage that measures it.

    A cold start says nothing about a variant: the first training on a machine compiles for all.
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
    Cost("tokens_per_second_median", "training throughput, tokens per second (median step)", "{:,.0f}"),
    Cost("milliseconds_a_document", "prediction, ms per document", "{:.3f}", stage="prediction"),
    Cost("peak_memory_mb", "peak memory of training, including loading and compilation, MB", "{:,.0f}"),
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

Measured = Sequence[Mapping[str, Any]]  # the measurements of each training of one variant


def mean_cost(trainings: Measured, key: str) -> float | None:
    """The mean over the trainings that have the measurement; None if none has it."""
    known = [training[key] for training in trainings if key in training]
    return float(np.mean(known)) if known else None


def cost_range(trainings: Measured, key: str) -> tuple[float, float] | None:
    """The lowest and the highest, if two trainings or more have the measurement."""
    known = [training[key] for training in trainings if key in training]
    return (min(known), max(known)) if len(known) > 1 else None


def cost_ratio(own: Measured, baseline: Measured, cost: Cost) -> str | None:
    """A variant's cost as a multiple of the baseline's, with two digits, or as a range if its seeds disagree on them.

    The range goes from the variant's lowest cost divided by the baseline's highest to the variant's highest divided by
    the baseline's lowest. None if a measurement is missing, or if the costs cannot be compared.

    >>> cost_ratio([{"training_seconds": 12.6}], [{"training_seconds": 10.0}], COSTS[0])
    '1.3'
    >>> cost_ratio([{"training_seconds": 27}, {"training_seconds": 31}], [{"training_seconds": 10}] * 2, COSTS[0])
    '2.7 to 3.1'
    """
    values, others = (sorted(t[cost.key] for t in trainings if cost.key in t) for trainings in (own, baseline))
    if not values or not others or not others[0] or not cost.is_compared or unlike([*own, *baseline], cost.stage):
        return None
    low, high = (_two_digits(ratio) for ratio in (values[0] / others[-1], values[-1] / others[0]))
    return low if low == high else f"{low} to {high}"


def _two_digits(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 0.95 else f"{ratio:.2g}"


def condition_values(trainings: Measured, stage: str, name: str) -> list[str]:
    """The distinct values of one of the CONDITIONS in `stage` of the trainings, sorted as text."""
    every = [conditions for training in trainings for conditions in training.get(f"{stage}_conditions", [])]
    return sorted({str(conditions[name]) for conditions in every if name in conditions})


def unlike(trainings: Measured, stage: str) -> str:
    """How the conditions of `stage` differ between trainings, in words; "" if they do not.

    Example:
        >>> unlike([{"training_conditions": [{"cores": cores, "engine": "alone"}]} for cores in (2, 1)], "training")
        'CPU cores 1 and 2'
    """
    values = {title: condition_values(trainings, stage, name) for name, title in CONDITIONS.items()}
    return ", ".join(f"{title} {' and '.join(distinct)}" for title, distinct in values.items() if len(distinct) > 1)


def not_compared(trainings: Measured) -> str:
    """Which costs cannot be compared between trainings, and why, as a clause; "" if all can."""
    stages: dict[str, list[str]] = {}  # by what differs in them
    for stage in ("training", "prediction"):
        if difference := unlike(trainings, stage):
            stages.setdefault(difference, []).append(stage)
    return "; ".join(
        f"costs of {' and '.join(names)} are not compared, because their conditions differed: {difference}"
        for difference, names in stages.items()
    )


def mixed_hardware(costs: Mapping[str, Measured], seeds: Sequence[int]) -> str:
    """A warning if, with the same seed, variants were trained on different hardware; otherwise "".

    Args:
        costs: by variant, the measurements of its trainings in the order of `seeds`
        seeds: the seeds of the trainings

    Example:
        >>> on_gpu = [{"training_conditions": [{"gpu": gpu}]} for gpu in ("A10", "H100")]
        >>> mixed_hardware({"lstm": on_gpu, "bilstm": on_gpu}, [1, 2])
        ''
        >>> mixed_hardware({"lstm": on_gpu, "bilstm": on_gpu[::-1]}, [1, 2])
        'Part of a difference may come from the hardware: with seed 1 the variants were trained on GPU A10 and H100.'
    """
    for position, seed in enumerate(seeds):
        trainings = [own[position] for own in costs.values() if position < len(own)]
        if shown := different_hardware(trainings):
            where = f"with seed {seed} the variants were trained on {shown}"
            return f"Part of a difference may come from the hardware: {where}."
    return ""


def different_hardware(trainings: Measured) -> str:
    """The processors or GPUs of the trainings if they differ; otherwise ""."""
    values = {CONDITIONS[name]: condition_values(trainings, "training", name) for name in ("gpu", "processor")}
    return next((f"{title} {' and '.join(distinct)}" for title, distinct in values.items() if len(distinct) > 1), "")


def measured_on(trainings: Measured) -> str:
    """The conditions of the trainings, in one sentence; "" if nothing was measured."""
    values = {title: condition_values(trainings, "training", name) for name, title in CONDITIONS.items()}
    shown = ", ".join(f"{title} {' and '.join(distinct)}" for title, distinct in values.items() if distinct)
    return f"Trained on: {shown}. Other hardware gives different numbers." if shown else ""
