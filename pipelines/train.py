"""Stage train: one variant with one seed. `python -m pipelines.train --variant bilstm --seed 1`.

Reads data/tokens; writes the weights, the resolved configuration and the history of the epochs to
results/<variant>/seed-<seed>/, and an MLflow run. With several devices Lightning starts this module once for each, and
only the first one writes.
"""

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
from safetensors.torch import load_file, save_file
from torch import Tensor

from config.params import Params, load
from config.train import TrainParams
from core import file_io, paths
from core.errors import DataError, ParamsError
from core.paths import TOKENS
from models import machine, memory
from models.classifier import TextClassifier
from models.training.cost_meter import Costs
from models.training.fit import build_trainer, fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs import measurements
from outputs.checkpoints import Checkpoints
from outputs.conditions import conditions
from pipelines.matching import matched
from provenance.libraries import versions
from provenance.signature import signature
from provenance.stage import run_stage, training_parser
from text.tokenizing.token_file import TokenStore
from tracking import from_outputs
from tracking.progress import EpochMetrics
from tracking.runs import log_configuration, occasion, training_run

CHECKPOINTS = {"checkpoint_steps", "checkpoint_minutes"}
OPTIMIZER = {"learning_rate", "weight_decay", "schedule", "warmup_share", "class_weight"}


def main() -> None:
    """The command line."""
    arguments = training_parser(__doc__)
    run_stage(lambda namespace: train(load(), namespace.variant, namespace.seed), arguments)


def train(params: Params, variant: str, seed: int) -> None:
    """Trains the variant, writes what comes out, and tells MLflow."""
    machine.check(params.train.accelerator, params.train.devices, params.train.precision)
    machine.prepare(params.train.threads)
    config = _resolve(params, variant, seed)
    settings = params.train.model_copy(update={"epochs": config["train"]["epochs"]})
    sizes = {"vocabulary_size": config["vocabulary_size"], "num_classes": len(config["labels"])}
    stores = [TokenStore.open(_tokens(config, f"{split}.arrow")) for split in ("train", "validation")]
    with torch.device("meta"):  # of the same shape, but without any memory
        planned = TextClassifier(**sizes, **config["variant"])
    tokens = max(min(settings.batch_size, len(store)) * int(store.lengths.max()) for store in stores)
    memory.check(variant, planned, tokens, settings.accelerator, settings.precision)
    torch.manual_seed(seed)
    classifier = TextClassifier(**sizes, **config["variant"], vectors=_vectors(config))
    config["parameters"] = classifier.parameter_counts()

    module, trainer = as_lightning(classifier, settings)
    if (fewest := min(len(store) for store in stores)) < trainer.world_size:
        raise DataError(
            f"a split has {fewest} documents, too few for the {trainer.world_size} processes of train.devices"
        )
    checkpoints = Checkpoints(config["signature"])
    costs = Costs(settings.max_seconds, conditions(settings.accelerator))
    run_epochs = partial(
        fit, trainer, module, *stores, batch_size=settings.batch_size, seed=seed, monitor=settings.monitor, costs=costs
    )
    if not trainer.is_global_zero:
        run_epochs(checkpointing=_checkpointing(checkpoints, settings, announce=False))
        return
    with checkpoints.locked():
        checkpointing = _checkpointing(checkpoints, settings)
        resumed = checkpointing.state is not None
        with training_run(params.tracking.experiment, variant, seed, config["signature"], resumed=resumed) as run:
            log_configuration(run, config)
            run_epochs(callbacks=[EpochMetrics(run, costs)], checkpointing=checkpointing)
            for line, cost in zip(module.history, costs.epochs, strict=True):
                run.log_epoch(line, cost)  # what the store does not have yet
            folder = paths.folder(variant, seed)
            with file_io.whole(folder / "model.safetensors") as path:
                save_file(classifier.state_dict(), path)
                config["checksums"] = {"model.safetensors": file_io.checksum(path)}
            file_io.write_json(folder / "config.json", config)
            file_io.write_json(folder / "history.json", module.history)
            measured = {**costs.measured(), "peak_memory_mb": memory.peak_mb(settings.accelerator)}
            measurements.add(config["signature"], **measured)
            from_outputs.training(run, folder, measured)
        measurements.add(config["signature"], occasion=asdict(occasion(run)))
    if "DVC_STAGE" not in os.environ:
        checkpoints.remove()  # DVC has yet to record the outputs; then the stage evaluate does this


def as_lightning(classifier: TextClassifier, settings: TrainParams) -> tuple[ClassifierModule, Trainer]:
    """What the section train of params.yaml makes of a classifier: its module, and the trainer for it."""
    module = ClassifierModule(classifier, **settings.model_dump(include=OPTIMIZER))
    others = {"batch_size", "threads", "max_seconds"}
    return module, build_trainer(**settings.model_dump(exclude=OPTIMIZER | CHECKPOINTS | others))


def _checkpointing(checkpoints: Checkpoints, settings: TrainParams, announce: bool = True) -> Checkpointing:
    state = checkpoints.load(announce)
    if state is not None and announce:
        print(f"going on after step {state['global_step']}", flush=True)
    return Checkpointing(checkpoints, state, settings.checkpoint_steps, settings.checkpoint_minutes)


def _resolve(params: Params, variant: str, seed: int) -> dict[str, Any]:
    """All that decides the result, spelled out; its signature finds the checkpoints and the MLflow run again."""
    if variant not in params.variants:
        raise ParamsError(f"--variant is {variant!r}; allowed: {', '.join(params.variants)}")
    data = file_io.read_json(TOKENS / "summary.json", made_by="tokenize")
    epochs = params.train.epochs_for(data["splits"]["train"]["documents"])
    decisive = {
        "name": variant,
        "seed": seed,
        "variant": matched(params, variant, data["vocabulary_size"], len(data["labels"])).model_dump(),
        "train": params.train.model_dump(exclude=CHECKPOINTS) | {"epochs": epochs},
        "data": data["data"],
        "tokenize": data["tokenize"],
        "vocabulary_size": data["vocabulary_size"],
        "labels": data["labels"],
        "tokens": data["checksums"],
        "libraries": versions("train"),
    }
    return {**decisive, "signature": signature(decisive)}


def _tokens(config: dict[str, Any], name: str) -> Path:
    """The file `name` of data/tokens, if it is the one that the signature covers: a training reads no other file.

    Raises:
        DataError: as `file_io.verified`.
    """
    return file_io.verified(TOKENS / name, config["tokens"])


def _vectors(config: dict[str, Any]) -> Tensor | None:
    """Pretrained vectors (vocabulary_size, embedding_size) with rows of NaN, where the tokenize stage made some."""
    name = "vectors.safetensors"
    if name not in config["tokens"]:
        return None
    vectors = load_file(_tokens(config, name))["vectors"]
    if (size := config["variant"]["embedding_size"]) != vectors.shape[1]:
        key = f"variants.{config['name']}.embedding_size"
        raise ParamsError(f"{key} is {size}; allowed with these tokenize.vectors: {vectors.shape[1]}")
    return vectors


if __name__ == "__main__":
    main()
