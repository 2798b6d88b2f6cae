"""Stage train: one variant with one seed. `python -m pipelines.train --variant bilstm --seed 1`.

Reads the section train of params.yaml, data/variants/<variant>.json, the setting that the stage tune chose, data/tokens
and, if the variant starts from it, data/pretrained; writes the weights, the resolved configuration and the history of
the epochs to results/<variant>/seed-<seed>/, and logs an MLflow run. With several devices Lightning starts this module
once for each; only the first process writes.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
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
from models.training.adversarial import Objective
from models.training.cost_meter import Costs
from models.training.fit import BatchSizes, build_trainer, fit
from models.training.layers import check_unfreezing
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
from text.token_counts import token_counts
from text.tokenizing.token_file import TokenizedDocuments
from tracking import from_outputs
from tracking.connection import connect
from tracking.lifecycle import log_configuration, training_run
from tracking.progress import EpochMetrics
from tracking.run import Run

CHECKPOINTS = {"checkpoint_steps", "checkpoint_minutes"}
OPTIMIZER = {
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
    machine.check(params.train.accelerator, params.train.devices, params.train.precision)
    machine.prepare(params.train.threads, params.train.precision)
    devices = machine.count_devices(params.train.accelerator, params.train.devices)
    params = params.model_copy(update={"train": params.train.model_copy(update={"devices": devices})})
    config = resolve_config(params, variant, seed, root)
    splits = [open_part(part, config, root) for part in ("train", "validation")]
    unlabelled = open_unlabelled(config, root)
    classifier = build_classifier(config, splits, root)
    config["parameters"] = classifier.parameter_counts()

    settings = settings_of(config, params.train)
    module, trainer = as_lightning(classifier, settings)
    check_split_sizes(trainer, splits if unlabelled is None else [*splits, unlabelled])
    costs = Costs(settings.max_seconds, current_conditions(settings.accelerator))
    run_epochs = partial(
        fit,
        trainer,
        module,
        *splits,
        batch_size=settings.batch_size,
        batch_tokens=settings.batch_tokens,
        seed=seed,
        monitor=settings.monitor,
        costs=costs,
        unlabelled=unlabelled,
    )
    checkpoints = Checkpoints(config["signature"])
    if not trainer.is_global_zero:
        run_epochs(checkpointing=build_checkpointing(checkpoints, settings, announce=False))
        return checkpoints.signature
    with checkpoints.locked():
        checkpointing = build_checkpointing(checkpoints, settings)
        resumed = checkpointing.state is not None
        with (
            connect(params.tracking.experiment) as mlflow,
            training_run(mlflow, variant, seed, config["signature"], resumed=resumed) as run,
        ):
            log_configuration(run, config)
            run_epochs(callbacks=[EpochMetrics(run, costs)], checkpointing=checkpointing)
            record(run, paths.folder(variant, seed, root), config, module, costs)
        measurements.add(config["signature"], provenance=asdict(run.provenance))
    return checkpoints.signature


def resolve_config(params: Params, variant: str, seed: int, root: Path) -> dict[str, Any]:
    """Every value that decides the result; its signature identifies the checkpoints and the MLflow run."""
    if variant not in params.compare.variants:
        raise ParamsError(f"--variant is {variant!r}; allowed: {', '.join(params.compare.variants)} (compare.variants)")
    model, settings = applied(read_setting(variant, seed, root), read_variant(variant, root), params.train)
    config = configuration(variant, seed, model, settings, read_summary(root)) | {"libraries": versions("train")}
    config |= read_start(variant, root)
    return {**config, "signature": signature(config)}


def read_variant(variant: str, root: Path = Path()) -> VariantParams:
    """The variant as the stage match has resolved it."""
    content = _read_variant_file(variant, root)
    return VariantParams.model_validate({key: value for key, value in content.items() if key != PRETRAINED_ENTRY})


def read_start(variant: str, root: Path = Path()) -> dict[str, Any]:
    """What config.json says of the pretraining from which the variant starts; empty without one."""
    content = _read_variant_file(variant, root)
    return {key: value for key, value in content.items() if key == PRETRAINED_ENTRY}


def _read_variant_file(variant: str, root: Path) -> dict[str, Any]:
    content: dict[str, Any] = file_io.read_json(root / VARIANTS / f"{variant}.json", made_by="match")
    return content


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


def settings_of(config: dict[str, Any], train: TrainParams) -> TrainParams:
    """The section train as `config` resolved it, with the checkpoints that `train` asks for."""
    return TrainParams.model_validate(config["train"] | train.model_dump(include=CHECKPOINTS))


def open_unlabelled(config: dict[str, Any], root: Path) -> TokenizedDocuments | None:
    """The unlabelled documents, if `config` has a batch of them in each step."""
    return (
        open_split("unlabelled", config["tokens"], root) if config["train"]["adversarial"]["unlabelled_batch"] else None
    )


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
    objective = None
    if settings.adversarial.kind != "none" or settings.entropy_weight:
        objective = Objective(**settings.adversarial.model_dump(), entropy_weight=settings.entropy_weight)
    module = ClassifierModule(classifier, **settings.model_dump(include=OPTIMIZER), objective=objective)
    others = {"batch_size", "batch_tokens", "threads", "max_seconds", "adversarial", "entropy_weight"}
    return module, build_trainer(**settings.model_dump(exclude=OPTIMIZER | CHECKPOINTS | others))


def check_split_sizes(trainer: Trainer, splits: Sequence[TokenizedDocuments]) -> None:
    """Refuses a split with fewer documents than processes.

    Raises:
        DataError: names the numbers of documents and processes.
    """
    if (fewest := min(map(len, splits))) < trainer.world_size:
        raise DataError(
            f"a split has {fewest} documents, too few for the {trainer.world_size} processes of train.devices"
        )


def build_checkpointing(checkpoints: Checkpoints, settings: TrainParams, announce: bool = True) -> Checkpointing:
    """The callback that saves checkpoints, with the state to resume from if there is one."""
    state = checkpoints.load(announce)
    if state is not None and announce:
        print(f"resuming after step {state['global_step']}", flush=True)
    return Checkpointing(checkpoints, state, settings.checkpoint_steps, settings.checkpoint_minutes)


def record(run: Run, folder: Path, config: dict[str, Any], module: ClassifierModule, costs: Costs) -> None:
    """Writes the outputs of a finished training, keeps its costs, and logs both."""
    for line, cost in zip(module.history, costs.epochs, strict=True):
        run.log_epoch(line, cost)  # epochs that MLflow lacks
    write_training(folder, module.classifier, config, module.history)
    measured = {**costs.measured(), "peak_memory_mb": memory.peak_mb(config["train"]["accelerator"])}
    measurements.add(config["signature"], **measured)
    from_outputs.training(run, folder, measured)


if __name__ == "__main__":
    main()
