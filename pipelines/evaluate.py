"""Stage evaluate: one training on the test split. `python -m pipelines.evaluate --variant bilstm --seed 1`.

Reads results/<variant>/seed-<seed>/ and data/tokens/test.arrow; adds the prediction for each document and the metrics
to that folder, and the metrics, with what they cost, to the training's MLflow run.
"""

import time
from typing import Any

from rich.console import Console
from rich.table import Table

from analysis.metrics import classification_metrics
from models import machine, memory
from models.prediction import BATCH_SIZE, predict
from pipelines import cli, measurements, outputs, record
from pipelines.checkpoints import Checkpoints
from pipelines.params import Params, load
from pipelines.predictions import write_predictions
from pipelines.record import HEADLINES
from pipelines.trained import load_classifier
from text.store import TokenStore
from tracking.runs import find_run


def main() -> None:
    """The command line."""
    arguments = cli.training_parser(__doc__)
    cli.run(lambda namespace: evaluate(load(), namespace.variant, namespace.seed), arguments)


def evaluate(params: Params, variant: str, seed: int) -> None:
    """Predicts the test split, writes predictions and metrics, and tells MLflow."""
    folder = outputs.folder(variant, seed)
    config = outputs.read_json(folder / "config.json", made_by="train")
    Checkpoints(config["signature"]).remove()  # DVC has recorded the training
    machine.prepare(config["train"]["threads"])
    test = TokenStore.open(outputs.verified_tokens("test.arrow"))
    classifier = load_classifier(config, outputs.verified(folder / "model.safetensors", config["checksums"]))
    accelerator = config["train"]["accelerator"]
    tokens = min(BATCH_SIZE, len(test)) * int(test.lengths.max())
    memory.check(variant, classifier, tokens, accelerator, training=False)

    started = time.perf_counter()
    probabilities = predict(classifier, test, machine.device(accelerator))  # (documents, classes)
    milliseconds = (time.perf_counter() - started) * 1000 / len(test)

    metrics = classification_metrics(test.labels, probabilities, config["labels"])
    write_predictions(folder / "predictions.parquet", test, probabilities)
    outputs.write_json(folder / "metrics.json", metrics)
    _print(variant, seed, metrics, milliseconds)

    measurements.add(config["signature"], milliseconds_a_document=milliseconds, evaluated=time.time_ns() // 1_000_000)
    if run := find_run(params.tracking.experiment, config["signature"]):
        record.evaluation(run, folder, measurements.read(config["signature"]))
    else:
        record.rebuild(params.tracking.experiment, folder)


def _print(variant: str, seed: int, metrics: dict[str, Any], milliseconds: float) -> None:
    table = Table(title=f"{variant} · seed {seed} on the test split", title_justify="left")
    for name in HEADLINES:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_column("ms a document", justify="right")
    values = ["–" if metrics[name] is None else f"{metrics[name]:.4f}" for name in HEADLINES]
    table.add_row(*values, f"{milliseconds:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
