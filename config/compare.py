"""The sections compare and tracking of params.yaml: what is compared with what, and where MLflow keeps it."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from config.section import Name, Section, Seed, shown


def _distinct(values: Sequence[object], info: ValidationInfo) -> Sequence[object]:
    ((most_frequent, times),) = Counter(values).most_common(1)
    if times > 1:
        raise ValueError(
            f"compare.{info.field_name} names {shown(most_frequent)} more than once; each may stand there once"
        )
    return values


class CompareParams(Section):
    """What is compared with what."""

    variants: Annotated[list[Name], Field(min_length=1), AfterValidator(_distinct)]
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_distinct)]
    baseline: Name
    metric: Literal["accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "loss"] = "accuracy"
    matching: Literal["hidden_size", "parameters", "training_time"] = "hidden_size"

    def trainings(self) -> list[tuple[str, int]]:
        """Every variant with every seed, in the order of the results."""
        return [(variant, seed) for variant in self.variants for seed in self.seeds]


class TrackingParams(Section):
    """Where MLflow keeps the runs."""

    experiment: Annotated[str, StringConstraints(pattern=r"^[^/\x00-\x1f]{1,200}$")] = "lstm-vs-bilstm"
