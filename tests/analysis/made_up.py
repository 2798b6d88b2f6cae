"""Made-up histories, scores and settings for the rules in analysis/verdict/."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.comparison.differences import Comparison, Difference, Score
from analysis.comparison.experiment import Experiment
from analysis.comparison.metrics import METRICS
from analysis.comparison.standing import Gap, Standing
from analysis.verdict.findings import Settings
from config.train import TrainParams
from config.variants import VariantParams

VARIANTS = ["lstm", "bilstm"]
History = list[dict[str, float]]


def history(
    validation_loss: Sequence[float],
    validation_accuracy: float | Sequence[float] = 0.85,
    train_accuracy: float | Sequence[float] = 0.88,
    train_loss: float | Sequence[float] = 0.3,
) -> History:
    """Epochs with these values; a number stands for the same in each epoch."""
    measures: dict[str, Any] = {
        "validation_loss": validation_loss,
        "validation_accuracy": validation_accuracy,
        "train_accuracy": train_accuracy,
        "train_loss": train_loss,
    }
    epochs = len(validation_loss)
    columns = {key: [values] * epochs if isinstance(values, float) else values for key, values in measures.items()}
    return [
        {
            "epoch": epoch + 1,
            "step": 500 * (epoch + 1),
            "learning_rate": 0.003 * (1 - (epoch + 1) / epochs),  # after the epoch, falling to 0
            **{key: values[epoch] for key, values in columns.items()},
        }
        for epoch in range(epochs)
    ]


SOUND = history([0.5, 0.4, 0.398, 0.402])


def make_settings(train: Mapping[str, Any] | None = None, share_unknown: float = 0.03, **variant: Any) -> Settings:
    model = VariantParams.model_validate({"cell": "lstm", "initialization": "keras", "pooling": "max", **variant})
    return Settings(
        variants={name: model.model_dump() for name in VARIANTS},
        train=TrainParams.model_validate({"epochs": 4, **(train or {})}).model_dump(),
        share_unknown=share_unknown,
        vectors=False,
    )


def make_experiment(histories: Sequence[Sequence[History]] = ((SOUND,) * 3,) * 2, seeds: int = 3) -> Experiment:
    return Experiment(
        data="made up", classes=["no", "yes"], variants=VARIANTS, baseline="lstm", seeds=list(range(1, seeds + 1)),
        labels=np.arange(1000) % 2, probabilities=np.zeros((2, seeds, 0, 2), np.float32), histories=histories,
        parameters={}, matching="hidden_size", hidden_sizes={}, costs={}, columns={}, documents=[], metric=METRICS[0],
    )  # fmt: skip


def make_comparison(values: Mapping[str, Sequence[float]], gain: float = 0.01) -> Comparison:
    scores = {
        name: dict.fromkeys(
            ("accuracy", "balanced_accuracy"), Score(list(seeds), float(np.mean(seeds)), 0.002, 0.8, 0.9)
        )
        for name, seeds in values.items()
    }
    difference = Difference(gain, gain - 0.005, gain + 0.005, 0.001, 0.001, 0.005, 0.9, 3, 3, None)
    return Comparison(scores, {"bilstm": {"accuracy": difference}}, {}, {})


def make_standing(lstm: Gap, bilstm: Gap) -> Standing:
    linear, majority = Score([0.84], 0.84, None, 0.82, 0.86), Score([0.5], 0.5, None, 0.47, 0.53)
    gaps = {"lstm": {"accuracy": lstm}, "bilstm": {"accuracy": bilstm}}
    return Standing({}, {"majority": {"accuracy": majority}, "linear": {"accuracy": linear}}, gaps)


ABOVE = Gap(0.01, 0.002, 0.018, 0.01)
GOOD = make_comparison({"lstm": [0.85] * 3, "bilstm": [0.86] * 3})


def by_variant(lstm: History, bilstm: History, seeds: int = 3) -> dict[str, Sequence[History]]:
    return {"lstm": [lstm] * seeds, "bilstm": [bilstm] * seeds}
