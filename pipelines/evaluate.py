"""Stage evaluate: one training on the test split. `python -m pipelines.evaluate --variant bilstm --seed 1`.

Reads results/<variant>/seed-<seed>/ and data/tokens/test.arrow; adds the prediction for each document and the metrics
to that folder, and the metrics, with what they cost, to the training's MLflow run. For DVC it writes the folder's
checksums to data/evaluated, on which the comparison depends.
"""

import argparse
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.comparison.metrics import classification_metrics
from config.params import Params, load
from core import file_io, paths
from models import machine, memory
from models.prediction import BATCH_SIZE, timed_predictions
from outputs import evaluation_checksums, measurements
from outputs.checkpoints import Checkpoints
from outputs.conditions import conditions
from outputs.prediction_file import write_predictions
from outputs.trained_model import load_classifier, read_config
from provenance.stage import run_stage, training_parser
from text.tokenizing.token_file import TokenStore
from tracking import from_outputs
from tracking.connection import connect
from tracking.from_outputs import HEADLINES


def main() -> None:
    """The command line."""
    arguments = training_parser(__doc__)
    run_stage(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    signature = read_config(paths.folder(chosen.variant, chosen.seed))["signature"]
    Checkpoints(signature).remove()  # DVC has recorded the training
    evaluate(load(), chosen.variant, chosen.seed)


def evaluate(params: Params, variant: str, seed: int) -> None:
    """Predicts the test split, writes predictions and metrics, and logs them to MLflow."""
    folder = paths.folder(variant, seed)
    config = read_config(folder)
    machine.prepare(config["train"]["threads"])
    test = TokenStore.open(paths.verified_tokens("test.arrow"))
    classifier = load_classifier(config, file_io.verified(folder / "model.safetensors", config["checksums"]))
    accelerator, precision = config["train"]["accelerator"], config["train"]["precision"]
    tokens = min(BATCH_SIZE, len(test)) * int(test.lengths.max())
    memory.check(variant, classifier, tokens, accelerator, precision, training=False)

    predicted = timed_predictions(classifier, test, machine.device(accelerator))

    metrics = classification_metrics(test.labels, predicted.probabilities, config["labels"])
    write_predictions(folder / "predictions.parquet", test, predicted.probabilities)
    file_io.write_json(folder / "metrics.json", metrics)
    evaluation_checksums.write(variant, seed)
    _print(variant, seed, metrics, predicted.milliseconds_a_document)

    measurements.add(
        config["signature"],
        milliseconds_a_document=predicted.milliseconds_a_document,
        prediction_startup_seconds=predicted.startup_seconds,
        prediction_conditions=[conditions(accelerator)],
        evaluated=time.time_ns() // 1_000_000,
    )
    with connect(params.tracking.experiment) as mlflow:
        from_outputs.complete(mlflow, folder, evaluated=True)


def _print(variant: str, seed: int, metrics: dict[str, Any], milliseconds: float) -> None:
    table = Table(title=f"{variant} · seed {seed} on the test split", title_justify="left")
    for name in HEADLINES:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("ms a document", justify="right")
    values = ["–" if metrics[name] is None else f"{metrics[name]:.4f}" for name in HEADLINES]
    table.add_row(*values, f"{milliseconds:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
