"""Stage train: one variant with one seed. `python -m pipelines.train --variant bilstm --seed 1`.

Reads the section train of params.yaml, data/variants/<variant>.json, the setting that the stage tune chose, data/tokens
and, if the variant starts from it, data/pretrained; writes the weights, the resolved configuration and the history of
the epochs to results/<variant>/seed-<seed>/, and logs an MLflow run. With several devices Lightning starts this module
once for each; only the first process writes.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, Trainer
from safetensors.torch import load_file
from torch import Tensor

from config.params import Params, load
from config.settings import applied
from config.train import TrainParams
from config.variants import VariantParams
from core import file_io, paths
from core.errors import DataError, ParamsError
from core.paths import VARIANTS
from models import machine, memory
from models.classifier import TextClassifier
from models.training.cost_meter import Costs
from models.training.extra_losses import ExtraLosses
from models.training.fine_tuning import check_unfreezing
from models.training.fit import BatchSizes, build_trainer, fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs import measurements
from outputs.checkpoints import Checkpoints
from outputs.conditions import current_conditions
from outputs.pretrained import PRETRAINED_ENTRY
from outputs.pretrained_weights import read_weights
from outputs.token_files import open_part, open_split, read_summary, token_file, training_documents
from outputs.trained_model import write_training
from outputs.tuned import read_setting
from provenance.libraries import versions
from provenance.signature import signature
from provenance.stage import run_as_command, training_parser
from text.batches import Documents
from text.token_counts import token_counts
from text.tokenizing.token_file import TokenizedDocuments
from tracking import from_outputs
from tracking.connection import connect
from tracking.lifecycle import log_configuration, training_run
from tracking.progress import EpochMetrics
from tracking.run import Run

CHECKPOINTS = {"checkpoint_steps", "checkpoint_minutes"}
MODULE_KEYS = {
    *("learning_rate", "weight_decay", "schedule", "warmup_share", "class_weight"),
    *("label_smoothing", "averaging", "averaging_decay", "layer_rates", "unfreeze"),
}


def main() -> None:
    """The command line."""
    arguments = training_parser(__doc__)
    run_as_command(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    trained = train(load(), chosen.variant, chosen.seed)
    if "DVC_STAGE" not in os.environ:
        Checkpoints(trained).remove()  # under DVC they stay until it has recorded the outputs; evaluate removes them


def train(params: Params, variant: str, seed: int, root: Path = Path()) -> str:
    """Trains the variant, writes its outputs below `root`, and logs its MLflow run; returns its signature."""
    params = params.model_copy(update={"train": prepare_machine(params.train)})
    config = resolve_config(params, variant, seed, root)
    learned, validation = (open_part(part, config, root) for part in ("train", "validation"))
    splits = Splits(learned, validation, open_unlabelled(config, root))
    training = build_training(config, params.train, [learned, validation], root)
    config["parameters"] = training.module.classifier.parameter_counts()
    check_split_sizes(training.trainer, splits)
    checkpoints = Checkpoints(config["signature"])
    if not training.trainer.is_global_zero:
        training.run(splits, training.resume_from(checkpoints, announce=False))
        return checkpoints.signature
    with checkpoints.locked():
        checkpointing = training.resume_from(checkpoints)
        resumed = checkpointing.state is not None
        with (
            connect(params.tracking.experiment) as mlflow,
            training_run(mlflow, variant, seed, config["signature"], resumed=resumed) as run,
        ):
            log_configuration(run, config)
            training.run(splits, checkpointing, [EpochMetrics(run, training.costs)])
            record(run, paths.folder(variant, seed, root), config, training)
        measurements.add(config["signature"], provenance=asdict(run.provenance))
    return checkpoints.signature


def prepare_machine(train: TrainParams) -> TrainParams:
    """Configures this process for the section train; returns the section with `devices` as a number.

    Raises:
        ParamsError: this machine does not support the settings.
    """
    machine.check(train.accelerator, train.devices, train.precision)
    machine.prepare(train.threads, train.precision)
    return train.model_copy(update={"devices": machine.count_devices(train.accelerator, train.devices)})


def resolve_config(params: Params, variant: str, seed: int, root: Path) -> dict[str, Any]:
    """Every value that decides the result; its signature identifies the checkpoints and the MLflow run."""
    if variant not in params.compare.variants:
        raise ParamsError(f"--variant is {variant!r}; allowed: {', '.join(params.compare.variants)} (compare.variants)")
    model, start = read_variant(variant, root)
    model, settings = applied(read_setting(variant, seed, root), model, params.train)
    config = configuration(variant, seed, model, settings, read_summary(root))
    config |= {"libraries": versions("train"), **start}
    return {**config, "signature": signature(config)}


def read_variant(variant: str, root: Path = Path()) -> tuple[VariantParams, dict[str, Any]]:
    """The variant as resolved by the stage match, and the entry of config.json about the pretraining it starts from.

    The entry is empty if the variant does not start from pretraining.
    """
    content = file_io.read_json(root / VARIANTS / f"{variant}.json", made_by="match")
    start = {PRETRAINED_ENTRY: content.pop(PRETRAINED_ENTRY)} if PRETRAINED_ENTRY in content else {}
    return VariantParams.model_validate(content), start


def configuration(
    name: str,
    seed: int,
    variant: VariantParams,
    train: TrainParams,
    summary: dict[str, Any],
    documents: int | None = None,
) -> dict[str, Any]:
    """The settings' part of config.json; `documents` is the number of training documents, None for all."""
    documents = documents or training_documents(summary)
    return {
        "name": name,
        "seed": seed,
        "variant": variant.model_dump(),
        "train": train.model_dump(exclude=CHECKPOINTS)
        | {"epochs": train.epochs_for(documents, len(summary["labels"]))},
        "data": summary["data"],
        "tokenize": summary["tokenize"],
        "vocabulary_size": summary["vocabulary_size"],
        "labels": summary["labels"],
        "tokens": summary["checksums"],
    }


def open_unlabelled(config: dict[str, Any], root: Path) -> TokenizedDocuments | None:
    """The unlabelled documents; None if the training's steps use none."""
    if not config["train"]["adversarial"]["unlabelled_batch"]:
        return None
    return open_split("unlabelled", config["tokens"], root)


class Splits(NamedTuple):
    """The documents of a training; `unlabelled` is None if its steps use none."""

    train: Documents
    validation: Documents
    unlabelled: Documents | None


@dataclass(frozen=True)
class Training:
    """A classifier, and everything that is needed to train it.

    Attributes:
        seed: the seed of dropout and shuffling.
        settings: the section train, resolved.
        module: the classifier as a Lightning module.
        trainer: Lightning's trainer.
        costs: the callback that measures time and other costs.
    """

    seed: int
    settings: TrainParams
    module: ClassifierModule
    trainer: Trainer
    costs: Costs

    def resume_from(self, checkpoints: Checkpoints, announce: bool = True) -> Checkpointing:
        """The callback that saves checkpoints, with the state to resume from if there is one."""
        state = checkpoints.load(announce)
        if state is not None and announce:
            print(f"resuming after step {state['global_step']}", flush=True)
        return Checkpointing(checkpoints, state, self.settings.checkpoint_steps, self.settings.checkpoint_minutes)

    def run(self, splits: Splits, checkpointing: Checkpointing, callbacks: Sequence[Callback] = ()) -> None:
        """Trains for all epochs; afterwards the module has the best weights."""
        fit(
            self.trainer, self.module, splits.train, splits.validation,
            batch_size=self.settings.batch_size, batch_tokens=self.settings.batch_tokens, seed=self.seed,
            monitor=self.settings.monitor, costs=self.costs, callbacks=callbacks, checkpointing=checkpointing,
            unlabelled=splits.unlabelled,
        )  # fmt: skip


def build_training(
    config: dict[str, Any], train: TrainParams, splits: Sequence[TokenizedDocuments], root: Path
) -> Training:
    """The training that `config` describes, with the checkpoints that `train` asks for.

    Raises:
        ParamsError: as `build_classifier` and `as_lightning`.
    """
    settings = TrainParams.model_validate(config["train"] | train.model_dump(include=CHECKPOINTS))
    module, trainer = as_lightning(build_classifier(config, splits, root), settings)
    costs = Costs(settings.max_seconds, current_conditions(settings.accelerator))
    return Training(config["seed"], settings, module, trainer, costs)


def build_classifier(config: dict[str, Any], splits: Sequence[TokenizedDocuments], root: Path) -> TextClassifier:
    """The classifier with its initial weights; the first one of `splits` is the training split.

    Raises:
        ParamsError: it does not fit into memory, or the pretrained vectors do not fit the embedding.
    """
    sizes = {"vocabulary_size": config["vocabulary_size"], "num_classes": len(config["labels"])}
    settings = config["train"]
    with torch.device("meta"):  # allocates nothing
        planned = TextClassifier(**sizes, **config["variant"])
    batches = BatchSizes(settings["batch_size"], settings["batch_tokens"])
    longest = [int(split.lengths.max()) for split in splits]
    batch_tokens = max(
        min(batches.documents(tokens), len(split)) * tokens for split, tokens in zip(splits, longest, strict=True)
    )
    memory.check(
        config["name"], planned, batch_tokens, settings["accelerator"], settings["precision"], settings["averaging"]
    )
    torch.manual_seed(config["seed"])
    pretrained = read_weights(config[PRETRAINED_ENTRY], root) if PRETRAINED_ENTRY in config else None
    classifier = TextClassifier(
        **sizes, **config["variant"], vectors=_read_vectors(config, root), pretrained=pretrained
    )
    if config["variant"]["embedding_normalization"] == "frequency":
        classifier.embedding.count(torch.from_numpy(token_counts(splits[0], config["vocabulary_size"])))
    return classifier


def _read_vectors(config: dict[str, Any], root: Path) -> Tensor | None:
    """Pretrained vectors (vocabulary_size, embedding_size), NaN where a token has none; None without such a file."""
    name = "vectors.safetensors"
    if name not in config["tokens"]:
        return None
    vectors = load_file(token_file(name, config["tokens"], root))["vectors"]
    if (size := config["variant"]["embedding_size"]) != vectors.shape[1]:
        key = f"variants.{config['name']}.embedding_size"
        raise ParamsError(f"{key} is {size}; allowed with these tokenize.vectors: {vectors.shape[1]}")
    return vectors


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
    return module, build_trainer(**settings.model_dump(exclude=MODULE_KEYS | CHECKPOINTS | others))


def check_split_sizes(trainer: Trainer, splits: Splits) -> None:
    """Refuses a split with fewer documents than processes.

    Raises:
        DataError: names the numbers of documents and processes.
    """
    if (fewest := min(len(split.lengths) for split in splits if split is not None)) < trainer.world_size:
        raise DataError(
            f"a split has {fewest} documents, too few for the {trainer.world_size} processes of train.devices"
        )


def record(run: Run, folder: Path, config: dict[str, Any], training: Training) -> None:
    """Writes the outputs of a finished training, keeps its costs, and logs both."""
    history = training.module.history
    for line, cost in zip(history, training.costs.epochs, strict=True):
        run.log_epoch(line, cost)  # epochs that MLflow lacks
    write_training(folder, training.module.classifier, config, history)
    measured = {**training.costs.measured(), "peak_memory_mb": memory.peak_mb(training.settings.accelerator)}
    measurements.add(config["signature"], **measured)
    from_outputs.training(run, folder, measured)


if __name__ == "__main__":
    main()
