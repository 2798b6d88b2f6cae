"""Stage reference: what simple models reach on the same splits. `python -m pipelines.reference`.

Reads data/tokens; writes the predictions and metrics of the majority class and of a linear model to
references/<name>/, as evaluate does for a training, and an MLflow run for each.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from analysis.comparison.metrics import classification_metrics
from analysis.comparison.standing import LINEAR, MAJORITY, TITLES
from config.params import Params, load
from core import command_line, file_io, paths
from core.paths import REFERENCES, TOKENS
from models.reference_models import LinearModel, majority
from outputs import measurements
from outputs.conditions import conditions
from outputs.prediction_file import write_predictions
from provenance.libraries import versions
from provenance.signature import signature
from provenance.stage import run_stage
from text.tokenizing.token_file import TokenStore
from tracking import from_outputs
from tracking.connection import connect


class Trained(NamedTuple):
    """A reference that can predict."""

    name: str
    documents: int  # of which it was learned
    parameters: int
    seconds: float  # of learning
    predict: Callable[[TokenStore], NDArray[np.float32]]


def main() -> None:
    """The command line."""
    run_stage(lambda _: make_references(load()), command_line.parser(__doc__))


def make_references(params: Params) -> None:
    """Trains the references, writes what they predict, and logs it to MLflow."""
    data = file_io.read_json(TOKENS / "summary.json", made_by="tokenize")
    train, test = (TokenStore.open(paths.verified_tokens(f"{split}.arrow")) for split in ("train", "test"))
    table = Table(title="references on the test split", title_justify="left")
    for column in ("", "accuracy", "macro F1", "loss", "seconds", "ms a document"):
        table.add_column(column, justify="right" if column else "left")
    for reference in _trained(train, data):
        metrics, milliseconds = _evaluate(params, reference, data, test)
        values = [f"{metrics[name]:.4f}" for name in ("accuracy", "macro_f1", "loss")]
        table.add_row(TITLES[reference.name], *values, f"{reference.seconds:.1f}", f"{milliseconds:.3f}")
    Console().print(table)


def _trained(train: TokenStore, data: dict[str, Any]) -> Iterator[Trained]:
    classes = len(data["labels"])
    yield Trained(MAJORITY, len(train), classes, 0.0, lambda test: majority(train.labels, len(test), classes))
    started = time.perf_counter()
    model = LinearModel(train, data["vocabulary_size"], classes)
    yield Trained(LINEAR, model.documents, model.parameters, time.perf_counter() - started, model.predict)


def _evaluate(
    params: Params, reference: Trained, data: dict[str, Any], test: TokenStore
) -> tuple[dict[str, Any], float]:
    """The metrics, which it writes, too, and the milliseconds that a document took."""
    started = time.perf_counter()
    probabilities = reference.predict(test)  # (documents, classes)
    milliseconds = (time.perf_counter() - started) * 1000 / max(len(test), 1)
    metrics = classification_metrics(test.labels, probabilities, data["labels"])
    config: dict[str, Any] = {
        "name": reference.name,
        "title": TITLES[reference.name],
        **{key: data[key] for key in ("data", "tokenize", "vocabulary_size", "labels")},
        "tokens": data["checksums"],
        "libraries": versions("reference"),
        "documents": reference.documents,
        "parameters": {"total": reference.parameters},
    }
    config["signature"] = signature(config, stage="reference")
    folder = REFERENCES / reference.name
    file_io.write_json(folder / "config.json", config)
    write_predictions(folder / "predictions.parquet", test, probabilities)
    file_io.write_json(folder / "metrics.json", metrics)
    measured = {"training_seconds": reference.seconds, "milliseconds_a_document": milliseconds}
    own = [conditions("cpu")]
    measurements.add(
        config["signature"],
        **measured,
        training_conditions=own,
        prediction_conditions=own,
        evaluated=time.time_ns() // 1_000_000,
    )
    with connect(params.tracking.experiment) as mlflow:
        run = from_outputs.reference(mlflow, folder)
        measurements.add(config["signature"], provenance=asdict(run.provenance))
    return metrics, milliseconds


if __name__ == "__main__":
    main()
