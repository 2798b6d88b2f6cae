"""Stage evaluate: one training on its test documents. `python -m pipelines.evaluate --variant bilstm --seed 1`.

Reads results/<variant>/seed-<seed>/ and data/tokens; adds the prediction for each document and the metrics to that
folder, and logs the metrics and the costs of prediction to the training's MLflow run. Writes the checksums of the
folder's files to data/evaluated, on which the stage compare depends.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.comparison.metrics import METRICS, classification_metrics
from config.params import Params, load
from core import file_io, paths
from models import machine, memory
from models.prediction import Timed, documents_at_once, timed_predictions
from outputs import evaluation_checksums, measurements
from outputs.checkpoints import Checkpoints
from outputs.conditions import current_conditions
from outputs.prediction_file import write_predictions
from outputs.token_files import open_part
from outputs.trained_model import load_classifier, read_config
from provenance.stage import run_as_command, training_parser
from text.tokenizing.token_file import TokenizedDocuments
from tracking import from_outputs
from tracking.connection import connect


def main() -> None:
    """The command line."""
    arguments = training_parser(__doc__)
    run_as_command(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    signature = read_config(paths.folder(chosen.variant, chosen.seed))["signature"]
    Checkpoints(signature).remove()  # DVC has recorded the training
    evaluate(load(), chosen.variant, chosen.seed)


def evaluate(params: Params, variant: str, seed: int, root: Path = Path()) -> None:
    """Predicts the test split, writes predictions and metrics below `root`, and logs them to MLflow."""
    folder = paths.folder(variant, seed, root)
    config = read_config(folder, root)
    test = open_part("test", config, root)
    predicted = predict_test_split(config, folder, test)
    metrics = classification_metrics(test.labels, predicted.probabilities, config["labels"])
    write_predictions(folder / "predictions.parquet", test, predicted.probabilities)
    file_io.write_json(folder / "metrics.json", metrics)
    evaluation_checksums.write(variant, seed, root)
    show(f"{variant} · seed {seed}", metrics, predicted.milliseconds_a_document)
    add_measurements(config, predicted)
    with connect(params.tracking.experiment) as mlflow:
        from_outputs.complete(mlflow, folder, evaluated=True)


def predict_test_split(config: dict[str, Any], folder: Path, test: TokenizedDocuments) -> Timed:
    """What the model in `folder` predicts of the test split, and how long it takes."""
    settings = config["train"]
    machine.prepare(settings["threads"])
    classifier = load_classifier(config, file_io.verified(folder / "model.safetensors", config["checksums"]))
    longest, device = int(test.lengths.max()), machine.device(settings["accelerator"])
    batch_tokens = min(documents_at_once(classifier, longest, device), len(test)) * longest
    memory.check(
        config["name"], classifier, batch_tokens, settings["accelerator"], settings["precision"], averaging=None
    )
    return timed_predictions(classifier, test, device)


def show(title: str, metrics: dict[str, Any], milliseconds: float) -> None:
    """Prints the metrics."""
    table = Table(title=f"{title} on the test split", title_justify="left")
    for metric in METRICS:
        table.add_column(metric.title, justify="right")
    table.add_column("ms per document", justify="right")
    values = ["–" if metrics[metric.key] is None else f"{metrics[metric.key]:.4f}" for metric in METRICS]
    table.add_row(*values, f"{milliseconds:.3f}")
    Console().print(table)


def add_measurements(config: dict[str, Any], predicted: Timed) -> None:
    """Keeps the costs of the prediction, with the conditions under which they were measured."""
    measurements.add(
        config["signature"],
        milliseconds_a_document=predicted.milliseconds_a_document,
        prediction_startup_seconds=predicted.startup_seconds,
        prediction_conditions=[current_conditions(config["train"]["accelerator"])],
        evaluated=time.time_ns() // 1_000_000,
    )


if __name__ == "__main__":
    main()
