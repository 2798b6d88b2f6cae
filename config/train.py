"""The section train of params.yaml: how every variant is trained."""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, model_validator

from config.choices import ClassWeight, Monitor, Schedule
from config.section import Count, Section, shown

# epochs: auto. Chosen by measurement: docs/defaults.md.
STEPS = 600
FEWEST_EPOCHS, MOST_EPOCHS = 2, 30


def _epochs(value: object) -> object:
    if value == "auto" or (type(value) is int and 1 <= value <= 10**6):
        return value
    raise ValueError(f"train.epochs is {shown(value)}; allowed: auto, or an integer from 1 to 1000000")


class TrainParams(Section):
    """How every variant is trained."""

    epochs: Annotated[Literal["auto"] | int, PlainValidator(_epochs)] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=10**6)] = 32
    learning_rate: Annotated[float, Field(gt=0, le=1e3)] = 0.003
    weight_decay: Annotated[float, Field(ge=0, le=1e3)] = 0.0
    schedule: Schedule = "linear"
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    early_stopping: Count | None = None
    monitor: Monitor = "validation_loss"
    class_weight: ClassWeight = "none"
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"
    devices: Annotated[int, Field(ge=1, le=1024)] = 1
    num_nodes: Annotated[int, Field(ge=1, le=1024)] = 1
    strategy: Literal["auto", "ddp"] = "auto"
    precision: Literal["32-true", "bf16-mixed", "16-mixed", "64-true"] = "32-true"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    max_seconds: Annotated[float, Field(gt=0, le=10**8)] | None = None
    checkpoint_steps: Count | None = None
    checkpoint_minutes: Annotated[float, Field(gt=0, le=10**6)] | None = None

    def epochs_for(self, documents: int) -> int:
        """The number of epochs for `documents` training documents; `auto` means about 600 steps, within limits.

        If `max_seconds` ends the training, there is no other limit.

        >>> [TrainParams().epochs_for(documents) for documents in (300, 3_000, 30_000)]
        [30, 6, 2]
        """
        if self.epochs != "auto":
            return self.epochs
        if self.max_seconds is not None:
            return 10**6
        steps_per_epoch = -(-documents // (self.batch_size * self.devices * self.num_nodes))
        return min(max(round(STEPS / steps_per_epoch), FEWEST_EPOCHS), MOST_EPOCHS)

    @model_validator(mode="after")
    def _check(self) -> "TrainParams":
        if self.max_seconds is not None and self.schedule != "constant":
            raise ValueError(
                f"train.schedule is {self.schedule!r}, which needs a known number of steps; "
                "allowed with train.max_seconds: constant"
            )
        if self.precision == "16-mixed" and self.accelerator == "cpu":
            raise ValueError(
                "train.precision is '16-mixed', which needs a GPU, but train.accelerator is 'cpu'; "
                "allowed there: 32-true, bf16-mixed, 64-true"
            )
        return self
