"""The sections compare and tracking of params.yaml: what is compared with what, and where MLflow keeps it."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, ValidationInfo

from config.section import Name, Section, Seed, shown
from config.settings import Setting, check_key
from config.tuning import TuningParams


def _distinct(values: Sequence[object], info: ValidationInfo) -> Sequence[object]:
    ((most_frequent, times),) = Counter(values).most_common(1)
    if times > 1:
        raise ValueError(
            f"compare.{info.field_name} names {shown(most_frequent)} more than once; each may occur only once"
        )
    return values


def _settings(value: object) -> list[Setting]:
    if not isinstance(value, list) or not all(isinstance(setting, dict) and setting for setting in value):
        raise ValueError(
            f"compare.settings is {shown(value)}; allowed: a list of settings such as "
            "{pooling: mean, head_dropout: 0.5}"
        )
    for index, setting in enumerate(value):
        for key in setting:
            check_key(key, f"compare.settings[{index}]")
        if setting in value[:index]:
            raise ValueError(f"compare.settings names {shown(setting)} more than once; each may occur only once")
    return value


class CompareParams(Section):
    """What is compared with what."""

    variants: Annotated[list[Name], Field(min_length=1), AfterValidator(_distinct)]
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_distinct)]
    baseline: Name
    metric: Literal["accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "loss"] = "accuracy"
    matching: Literal["hidden_size", "parameters", "training_time"] = "hidden_size"
    settings: Annotated[list[Setting], PlainValidator(_settings)] = Field(default=[])
    tuning: TuningParams = TuningParams()

    def trainings(self) -> list[tuple[str, int]]:
        """Every variant with every seed, in the order of the results."""
        return [(variant, seed) for variant in self.variants for seed in self.seeds]


class TrackingParams(Section):
    """The MLflow experiment that the runs belong to."""

    experiment: Annotated[str, StringConstraints(pattern=r"^[^/\x00-\x1f]{1,200}$")] = "lstm-vs-bilstm"
