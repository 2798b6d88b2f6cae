"""The section train of params.yaml: how every variant is trained."""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, model_validator

from config.choices import AdversarialKind, Averaging, ClassWeight, Monitor, Schedule
from config.section import Count, Section, shown

# epochs: auto. Chosen by measurement: docs/defaults.md.
STEPS, STEPS_PER_CLASS = 600, 60
FEWEST_EPOCHS, MOST_EPOCHS, MOST_EPOCHS_FOR_CLASSES = 2, 30, 8


def _auto_or_number(key: str, most: int) -> PlainValidator:
    def check(value: object) -> object:
        if value == "auto" or (type(value) is int and 1 <= value <= most):
            return value
        raise ValueError(f"train.{key} is {shown(value)}; allowed: auto, or an integer from 1 to {most}")

    return PlainValidator(check)


class AdversarialParams(Section):
    """How word vectors are moved in training."""

    kind: AdversarialKind = "none"
    radius: Annotated[float, Field(gt=0, le=1e6)] = 5.0
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    unlabelled_batch: Annotated[int, Field(ge=0, le=10**6)] = 0


CHECKPOINT_KEYS = {"checkpoint_steps", "checkpoint_minutes"}  # no result depends on them


class TrainParams(Section):
    """How every variant is trained."""

    epochs: Annotated[Literal["auto"] | int, _auto_or_number("epochs", 10**6)] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=10**6)] = 32
    batch_tokens: Count | None = None
    learning_rate: Annotated[float, Field(gt=0, le=1e3)] = 0.003
    weight_decay: Annotated[float, Field(ge=0, le=1e3)] = 0.0
    schedule: Schedule = "linear"
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    gradient_clip: Annotated[float, Field(gt=0)] | None = 1.0
    early_stopping: Count | None = None
    monitor: Monitor = "validation_loss"
    class_weight: ClassWeight = "none"
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    averaging: Averaging = "none"
    averaging_decay: Annotated[float, Field(gt=0, lt=1)] = 0.999
    adversarial: AdversarialParams = AdversarialParams()
    entropy_weight: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    layer_rates: Annotated[float, Field(gt=0, le=1)] = 1.0
    unfreeze: Annotated[int, Field(ge=0, le=10**6)] = 0
    accelerator: Literal["cpu", "gpu", "auto"] = "cpu"
    devices: Annotated[int | Literal["auto"], _auto_or_number("devices", 1024)] = 1
    num_nodes: Annotated[int, Field(ge=1, le=1024)] = 1
    strategy: Literal["auto", "ddp"] = "auto"
    precision: Literal["32-true", "tf32", "bf16-mixed", "16-mixed", "64-true"] = "32-true"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    max_seconds: Annotated[float, Field(gt=0, le=10**8)] | None = None
    checkpoint_steps: Count | None = None
    checkpoint_minutes: Annotated[float, Field(gt=0, le=10**6)] | None = None

    def epochs_for(self, documents: int, classes: int) -> int:
        """The number of epochs for `documents` training documents in `classes` classes.

        `auto` means about 600 steps, in 2 to 30 epochs. With more than 10 classes it means 60 steps per class, in
        at most 8 epochs, if that is more. If `max_seconds` ends the training, there is no other limit.

        >>> [TrainParams().epochs_for(documents, 2) for documents in (300, 3_000, 30_000)]
        [30, 6, 2]
        >>> [TrainParams().epochs_for(documents, 27) for documents in (300, 3_000, 8_640, 30_000)]
        [30, 8, 6, 2]
        """
        if self.epochs != "auto":
            return self.epochs
        if self.max_seconds is not None:
            return 10**6
        assert self.devices != "auto"  # models/machine.py has counted them
        steps_per_epoch = -(-documents // (self.batch_size * self.devices * self.num_nodes))
        usual = min(STEPS / steps_per_epoch, MOST_EPOCHS)
        many_classes = min(STEPS_PER_CLASS * classes / steps_per_epoch, MOST_EPOCHS_FOR_CLASSES)
        return max(round(max(usual, many_classes)), FEWEST_EPOCHS)

    @model_validator(mode="after")
    def _check(self) -> "TrainParams":
        if self.max_seconds is not None and self.schedule != "constant":
            raise ValueError(
                f"train.schedule is {self.schedule!r}, which needs a known number of steps; "
                "allowed with train.max_seconds: constant"
            )
        for key in ("max_seconds", "early_stopping"):  # which may end the training early
            if (limit := getattr(self, key)) is None:
                continue
            if self.averaging == "swa":
                raise ValueError(
                    f"train.averaging is 'swa', the mean of the last quarter of all steps, whose number train.{key} "
                    "leaves open; allowed with it: none, ema"
                )
            if self.unfreeze:
                raise ValueError(
                    f"train.unfreeze is {self.unfreeze}, but train.{key} is {limit:g}, which may end the training "
                    "before all layers have begun to learn; allowed with it: 0"
                )
        if self.batch_tokens is not None and self.epochs == "auto" and self.max_seconds is None:
            raise ValueError(
                "train.epochs is 'auto', which counts steps of train.batch_size documents; allowed with "
                "train.batch_tokens: an integer from 1 to 1000000"
            )
        if self.averaging == "swa" and self.unfreeze:
            raise ValueError(
                "train.averaging is 'swa', the mean of the last quarter of all steps, which not all weights take with "
                f"train.unfreeze of {self.unfreeze}; allowed with it: none, ema"
            )
        if self.unfreeze and (self.devices, self.num_nodes) != (1, 1):
            raise ValueError(
                f"train.unfreeze is {self.unfreeze}, but train.devices is {self.devices!r} and train.num_nodes "
                f"{self.num_nodes}; allowed with them: 0, since several processes share gradients of a fixed set of "
                "weights"
            )
        if self.precision in ("16-mixed", "tf32") and self.accelerator == "cpu":
            raise ValueError(
                f"train.precision is {self.precision!r}, which needs a GPU, but train.accelerator is 'cpu'; "
                "allowed there: 32-true, bf16-mixed, 64-true"
            )
        kind = self.adversarial.kind
        if kind != "none" and self.precision == "16-mixed":  # the gradient that gives the direction may underflow
            raise ValueError(
                f"train.precision is '16-mixed'; allowed with train.adversarial.kind of {kind!r}: 32-true, tf32, "
                "bf16-mixed, 64-true"
            )
        if self.adversarial.unlabelled_batch and kind not in ("virtual", "both") and not self.entropy_weight:
            raise ValueError(
                f"train.adversarial.unlabelled_batch is {self.adversarial.unlabelled_batch}, but nothing reads these "
                f"documents with train.adversarial.kind of {kind!r} and train.entropy_weight of 0; allowed: 0, or kind "
                "virtual or both, or an entropy_weight above 0"
            )
        return self
