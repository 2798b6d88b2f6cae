"""From a training's configuration and data to what Lightning trains. Reads no files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from config.train import CHECKPOINT_KEYS, TrainParams
from core.errors import DataError
from models import memory
from models.classifier import TextClassifier
from models.training.cost_meter import Conditions, Costs
from models.training.extra_losses import ExtraLosses
from models.training.fine_tuning import check_unfreezing
from models.training.fit import BatchSizes, build_trainer, fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from text.batches import Documents

MODULE_KEYS = {
    *("learning_rate", "weight_decay", "schedule", "warmup_share", "class_weight"),
    *("label_smoothing", "averaging", "averaging_decay", "layer_rates", "unfreeze"),
}


class TrainingData(NamedTuple):
    """What a training reads.

    Attributes:
        train, validation: the documents.
        unlabelled: unlabelled documents; None: no step reads any.
        vectors: pretrained vectors (vocabulary_size, embedding_size), NaN where a token has none; None: there are none.
        pretrained: the weights that the variant starts from; None: it starts from random ones.
    """

    train: Documents
    validation: Documents
    unlabelled: Documents | None = None
    vectors: Tensor | None = None
    pretrained: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class Training:
    """A classifier, and everything that is needed to train it.

    Attributes:
        seed: the seed of dropout and shuffling.
        settings: the section train, resolved.
        data: what it reads.
        module: the classifier as a Lightning module.
        trainer: Lightning's trainer.
        costs: the callback that measures time and other costs.
    """

    seed: int
    settings: TrainParams
    data: TrainingData
    module: ClassifierModule
    trainer: Trainer
    costs: Costs

    def run(self, checkpointing: Checkpointing, callbacks: Sequence[Callback] = ()) -> None:
        """Trains for all epochs; afterwards the module has the best weights."""
        fit(
            self.trainer, self.module, self.data.train, self.data.validation,
            batch_size=self.settings.batch_size, batch_tokens=self.settings.batch_tokens, seed=self.seed,
            monitor=self.settings.monitor, costs=self.costs, callbacks=callbacks, checkpointing=checkpointing,
            unlabelled=self.data.unlabelled,
        )  # fmt: skip

    def measured(self) -> dict[str, Any]:
        """For measurements/: what `costs` has measured, and the peak memory of this process."""
        return {**self.costs.measured(), "peak_memory_mb": memory.peak_mb(self.settings.accelerator)}


def build_training(config: Mapping[str, Any], data: TrainingData, conditions: Conditions) -> Training:
    """The training that `config` (config.json) describes, which measures its costs under these `conditions`.

    Raises:
        ParamsError: as `build_classifier` and `as_lightning`.
        DataError: a split has fewer documents than there are processes.
    """
    settings = TrainParams.model_validate(config["train"])
    classifier = build_classifier(config, data)
    module, trainer = as_lightning(classifier, settings)
    fewest = min(len(split.lengths) for split in (data.train, data.validation, data.unlabelled) if split is not None)
    if fewest < trainer.world_size:
        raise DataError(
            f"a split has {fewest} documents, too few for the {trainer.world_size} processes of train.devices"
        )
    return Training(config["seed"], settings, data, module, trainer, Costs(settings.max_seconds, conditions))


def build_classifier(config: Mapping[str, Any], data: TrainingData) -> TextClassifier:
    """The classifier with its initial weights.

    Raises:
        ParamsError: it does not fit into memory.
    """
    sizes = {"vocabulary_size": config["vocabulary_size"], "num_classes": len(config["labels"])}
    settings = config["train"]
    with torch.device("meta"):  # allocates nothing
        planned = TextClassifier(**sizes, **config["variant"])
    batches = BatchSizes(settings["batch_size"], settings["batch_tokens"])
    train_tokens, validation_tokens = (batches.most_tokens(split.lengths) for split in (data.train, data.validation))
    if data.unlabelled is not None:  # a step reads them beside its labelled documents
        beside = BatchSizes(settings["adversarial"]["unlabelled_batch"], None)
        train_tokens += beside.most_tokens(data.unlabelled.lengths)
    batch_tokens = max(train_tokens, validation_tokens)
    memory.check(
        config["name"], planned, batch_tokens, settings["accelerator"], settings["precision"], settings["averaging"]
    )
    torch.manual_seed(config["seed"])
    return TextClassifier(**sizes, **config["variant"], vectors=data.vectors, pretrained=data.pretrained)


def as_lightning(classifier: TextClassifier, settings: TrainParams) -> tuple[ClassifierModule, Trainer]:
    """The Lightning module of a classifier and the trainer for it, as the section train configures them.

    Raises:
        ParamsError: with train.unfreeze some layer would never learn.
    """
    if settings.unfreeze:
        check_unfreezing(classifier, settings.unfreeze, int(settings.epochs))
    extra_losses = None
    if settings.adversarial.kind != "none" or settings.entropy_weight:
        extra_losses = ExtraLosses(**settings.adversarial.model_dump(), entropy_weight=settings.entropy_weight)
    module = ClassifierModule(classifier, **settings.model_dump(include=MODULE_KEYS), extra_losses=extra_losses)
    others = {"batch_size", "batch_tokens", "threads", "max_seconds", "adversarial", "entropy_weight"}
    return module, build_trainer(**settings.model_dump(exclude=MODULE_KEYS | CHECKPOINT_KEYS | others))
