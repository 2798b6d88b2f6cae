"""Stage reference: what simple models reach on the same splits. `python -m pipelines.reference`.

Reads data/tokens; writes the predictions and metrics of the majority class and of a linear model to
references/<name>/, as evaluate does for a training, and logs an MLflow run for each.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from analysis.comparison.metrics import classification_metrics
from analysis.comparison.standing import LINEAR, MAJORITY, TITLES
from config.params import Params, load
from core import command_line, file_io
from core.paths import REFERENCES
from models.reference_models import LinearModel, majority
from outputs import measurements
from outputs.conditions import current_conditions
from outputs.prediction_file import write_predictions
from outputs.token_files import open_part, read_summary
from provenance.libraries import versions
from provenance.signature import signature
from provenance.stage import run_as_command
from text.tokenizing.token_file import TokenizedDocuments
from tracking import from_outputs
from tracking.connection import connect


class SimpleModel(NamedTuple):
    """A trained reference model."""

    name: str
    documents: int  # number of training documents
    parameters: int
    strength: float | None  # C, as models/reference_models.py chose it
    seconds: float  # duration of the training
    predict: Callable[[TokenizedDocuments], NDArray[np.float32]]  # probabilities (documents, classes)


def main() -> None:
    """The command line."""
    run_as_command(lambda _: make_references(load()), command_line.parser(__doc__))


def make_references(params: Params) -> None:
    """Trains the references, writes their predictions and metrics, and logs their MLflow runs."""
    summary = read_summary()
    parts = {"data": summary["data"], "tokens": summary["checksums"]}
    # One training or, in a cross-validation, one for each fold: seed n tests on fold n.
    trainings = [{"seed": seed, **parts} for seed in range(1, summary["data"].get("folds", 1) + 1)]
    tests = [open_part("test", training) for training in trainings]
    test = TokenizedDocuments.joined(tests)
    table = Table(title="references on the test split", title_justify="left")
    for column in ("", "accuracy", "macro F1", "loss", "seconds", "ms per document"):
        table.add_column(column, justify="right" if column else "left")
    learned = [
        list(learn(open_part("train", training), open_part("validation", training), summary)) for training in trainings
    ]
    for of_folds in zip(*learned, strict=True):
        model = of_folds[0]
        folder = REFERENCES / model.name
        config = make_config(of_folds, summary)
        started = time.perf_counter()
        probabilities = np.concatenate([of_fold.predict(part) for of_fold, part in zip(of_folds, tests, strict=True)])
        milliseconds = (time.perf_counter() - started) * 1000 / max(len(test), 1)
        metrics = classification_metrics(test.labels, probabilities, summary["labels"])
        file_io.write_json(folder / "config.json", config)
        write_predictions(folder / "predictions.parquet", test, probabilities)
        file_io.write_json(folder / "metrics.json", metrics)
        seconds = sum(of_fold.seconds for of_fold in of_folds)
        add_measurements(config["signature"], seconds, milliseconds)
        with connect(params.tracking.experiment) as mlflow:
            run = from_outputs.reference(mlflow, folder)
            measurements.add(config["signature"], provenance=asdict(run.provenance))
        values = [f"{metrics[name]:.4f}" for name in ("accuracy", "macro_f1", "loss")]
        table.add_row(TITLES[model.name], *values, f"{seconds:.1f}", f"{milliseconds:.3f}")
    Console().print(table)


def learn(train: TokenizedDocuments, validation: TokenizedDocuments, summary: dict[str, Any]) -> Iterator[SimpleModel]:
    """The majority class and the linear model, learned from `train`; `validation` decides the regularisation."""
    classes = len(summary["labels"])
    yield SimpleModel(MAJORITY, len(train), classes, None, 0.0, lambda test: majority(train.labels, len(test), classes))
    started = time.perf_counter()
    model = LinearModel(train, validation, summary["vocabulary_size"], classes)
    seconds = time.perf_counter() - started
    yield SimpleModel(LINEAR, model.documents, model.parameters, model.strength, seconds, model.predict)


def make_config(of_folds: Sequence[SimpleModel], summary: dict[str, Any]) -> dict[str, Any]:
    """Every value that decides the result, and its signature; sizes are those of the first fold."""
    model = of_folds[0]
    config: dict[str, Any] = {
        "name": model.name,
        "title": TITLES[model.name],
        **{key: summary[key] for key in ("data", "tokenize", "vocabulary_size", "labels")},
        "tokens": summary["checksums"],
        "libraries": versions("reference"),
        "documents": model.documents,
        "parameters": {"total": model.parameters},
        "C": [fold.strength for fold in of_folds],
    }
    return {**config, "signature": signature(config, stage="reference")}


def add_measurements(signature: str, seconds: float, milliseconds: float) -> None:
    """Keeps the costs of a reference, with the conditions under which they were measured."""
    conditions = [current_conditions("cpu")]
    measurements.add(
        signature,
        training_seconds=seconds,
        milliseconds_a_document=milliseconds,
        training_conditions=conditions,
        prediction_conditions=conditions,
        evaluated=time.time_ns() // 1_000_000,
    )


if __name__ == "__main__":
    main()
