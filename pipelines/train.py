"""Stage train: one variant with one seed. `python -m pipelines.train --variant bilstm --seed 1`.

Reads the section train of params.yaml, data/variants/<variant>.json, the setting that the stage tune chose, data/tokens
and, if the variant starts from it, data/pretrained; writes the weights, the resolved configuration and the history of
the epochs to results/<variant>/seed-<seed>/, and logs an MLflow run. With several devices Lightning starts this module
once for each; only the first process writes.
"""

import argparse
import os
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from config.params import Params, load
from core import paths
from models import machine
from models.training.building import Training, build_training
from models.training.resuming import resume_from
from outputs import measurements
from outputs.checkpoints import Checkpoints
from outputs.conditions import current_conditions
from outputs.trained_model import write_training
from outputs.training_config import resolve
from outputs.training_data import open_training_data
from provenance.stage import run_as_command, training_parser
from tracking import from_outputs
from tracking.connection import connect
from tracking.lifecycle import training_run
from tracking.progress import EpochMetrics
from tracking.run import Run


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
    settings = machine.prepare_for(params.train)
    config = resolve(params.model_copy(update={"train": settings}), variant, seed, root)
    data = open_training_data(config, root)
    training = build_training(config, data, current_conditions(settings.accelerator))
    config["parameters"] = training.module.classifier.parameter_counts()
    checkpoints, first = Checkpoints(config["signature"]), training.trainer.is_global_zero
    with checkpoints.locked() if first else nullcontext():
        checkpointing = resume_from(checkpoints, settings, announce=first)
        if not first:
            training.run(checkpointing)
            return checkpoints.signature
        with (
            connect(params.tracking.experiment) as mlflow,
            training_run(mlflow, config, resumed=checkpointing.state is not None) as run,
        ):
            training.run(checkpointing, [EpochMetrics(run, training.costs)])
            record(run, paths.folder(variant, seed, root), config, training)
        measurements.add(checkpoints.signature, provenance=asdict(run.provenance))
    return checkpoints.signature


def record(run: Run, folder: Path, config: dict[str, Any], training: Training) -> None:
    """Writes the outputs of a finished training, keeps its costs, and logs both."""
    history = training.module.history
    for line, cost in zip(history, training.costs.epochs, strict=True):
        run.log_epoch(line, cost)  # epochs that MLflow lacks
    write_training(folder, training.module.classifier, config, history)
    measured = training.measured()
    measurements.add(config["signature"], **measured)
    from_outputs.training(run, folder, measured)


if __name__ == "__main__":
    main()
