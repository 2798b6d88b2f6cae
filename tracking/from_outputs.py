"""What MLflow holds of a finished training, its evaluation, and a reference: all of it comes from their outputs.

`train` sends its epochs while they happen. Whatever else MLflow misses, because it was down, lost its store, or the
outputs came from another machine, `complete` sends: in the stages evaluate and compare, in `make run` and `make
restore`. A run is complete if it is FINISHED and has the evaluation's metrics, which are sent last.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.comparison.costs import CONDITIONS, COSTS, condition_values
from analysis.drawing.confusion_figures import confusion_matrix
from analysis.drawing.curves import learning_curves
from core import file_io
from core.paths import EXPLANATIONS, TOKENS
from outputs import measurements
from tracking.connection import Connection
from tracking.lifecycle import find_run, log_configuration, reference_run, training_run
from tracking.models import log_training_model
from tracking.run import Provenance, Run

# The keys of METRICS, whose module needs scikit-learn: the stage train must not depend on it.
LOGGED_METRICS = ("accuracy", "macro_f1", "balanced_accuracy", "loss", "roc_auc", "calibration_error")


def training(run: Run, folder: Path, measured: Mapping[str, Any]) -> None:
    """The training's outputs in `folder`, and what it cost under which conditions."""
    history = file_io.read_json(folder / "history.json", made_by="train")
    log_training_model(run, folder)
    _training_costs(run, measured)
    run.log_artifacts([folder / "config.json", folder / "history.json", folder.parents[2] / TOKENS / "vocabulary.json"])
    run.log_figure(learning_curves(history), "learning_curves.png")


def complete(mlflow: Connection, folder: Path, evaluated: bool = False) -> bool:
    """Sends what MLflow misses of the training in `folder` and of its evaluation; returns whether it missed any.

    The evaluation's artifacts are always sent if it has just been repeated (`evaluated`).
    """
    config = file_io.read_json(folder / "config.json", made_by="train")
    measured = measurements.read(config["signature"])
    original = provenance(measured)
    with mlflow.alone():
        run = find_run(mlflow, config["signature"], original.ended)
        if not mlflow.reachable:
            return False
        if run is None:
            with training_run(mlflow, config["name"], config["seed"], config["signature"], original) as run:
                log_configuration(run, config)
                history = file_io.read_json(folder / "history.json", made_by="train")
                for index, line in enumerate(history):
                    run.log_epoch(line, measured["epochs"][index] if "epochs" in measured else {})
                training(run, folder, measured)
                _evaluation(run, folder, measured)
                _explanations(run, measured)
            return True
        without_model = not run.model_id  # of an earlier version, or one that MLflow did not take
        lacking = without_model or not run.has(_test_metrics(folder))
        if without_model:
            log_training_model(run, folder)
            _training_costs(run, measured)
        if lacking or evaluated:
            _evaluation(run, folder, measured, again=without_model)
        return _explanations(run, measured) or lacking


def reference(mlflow: Connection, folder: Path, original: Provenance | None = None) -> Run:
    """The run of a reference, from what it left in `folder` and from its measurements."""
    config = file_io.read_json(folder / "config.json", made_by="reference")
    measured = measurements.read(config["signature"])
    with reference_run(mlflow, config["title"], config["name"], config["signature"], original) as run:
        chosen = ("name", "data", "tokenize", "vocabulary_size", "parameters", "documents", "libraries")
        run.log_params({key: config[key] for key in chosen})
        if costs := _costs("training", measured):
            run.log_metrics(costs, at=measured["evaluated"])
            run.set_tags(_conditions("training", measured))
        _evaluation(run, folder, measured)
    return run


def complete_reference(mlflow: Connection, folder: Path) -> bool:
    """As `complete`, for a reference."""
    signature = file_io.read_json(folder / "config.json", made_by="reference")["signature"]
    original = provenance(measurements.read(signature))
    with mlflow.alone():
        missing = find_run(mlflow, signature, original.ended) is None and mlflow.reachable
        if missing:
            reference(mlflow, folder, original)
    return missing


def provenance(measured: Mapping[str, Any]) -> Provenance:
    """When an execution took place, as far as its measurements say; earlier versions called it an occasion."""
    return Provenance(**(measured.get("provenance") or measured.get("occasion") or {}))


def _training_costs(run: Run, measured: Mapping[str, Any]) -> None:
    if costs := _costs("training", measured):
        run.log_metrics(costs, at=measured["epochs"][-1]["ended"])
        run.set_tags(_conditions("training", measured))


def _evaluation(run: Run, folder: Path, measured: Mapping[str, Any], again: bool = False) -> None:
    """The evaluation's outputs in `folder`, where there are any, and what a prediction cost; the metrics come last.

    Metrics that the run has are sent `again` to link them with its model; MLflow keeps a repeated one once.
    """
    if not (metrics := _test_metrics(folder)):
        return
    config = file_io.read_json(folder / "config.json", made_by="train")
    matrix = file_io.read_json(folder / "metrics.json", made_by="evaluate")["confusion_matrix"]
    figure = confusion_matrix(config["labels"], matrix, config.get("title", config["name"]))
    run.log_figure(figure, "confusion_matrix.png")
    run.log_artifacts([folder / "metrics.json", folder / "predictions.parquet"])
    if again or not run.has(metrics):  # an evaluation that was interrupted is repeated
        run.set_tags(_conditions("prediction", measured))
        run.log_metrics(metrics | _costs("prediction", measured), at=measured.get("evaluated"))


def _test_metrics(folder: Path) -> dict[str, float]:
    """What MLflow shows of the evaluation in `folder`; empty before it has taken place."""
    if not (folder / "metrics.json").exists():
        return {}
    return {f"test_{name}": value for name, value in scores(folder).items()}


def scores(folder: Path) -> dict[str, float]:
    """LOGGED_METRICS of the evaluation in `folder`, those that are defined for its classes."""
    metrics = file_io.read_json(folder / "metrics.json", made_by="evaluate")
    return {name: metrics[name] for name in LOGGED_METRICS if metrics.get(name) is not None}


def _explanations(run: Run, measured: Mapping[str, Any]) -> bool:
    """The pages that `explain` made of this training and the run does not have; returns whether there were any."""
    pages = [EXPLANATIONS / name for name in measured.get("explanations", ()) if (EXPLANATIONS / name).exists()]
    known = run.artifacts("explanations") if pages else []
    missing = [page for page in pages if f"explanations/{page.name}" not in known]
    run.log_artifacts(missing, "explanations")
    return bool(missing)


def _costs(stage: str, measured: Mapping[str, Any]) -> dict[str, float]:
    return {cost.key: measured[cost.key] for cost in COSTS if cost.stage == stage and cost.key in measured}


def _conditions(stage: str, measured: Mapping[str, Any]) -> dict[str, str]:
    """As tags, such as conditions.training.cores."""
    values = {f"conditions.{stage}.{name}": condition_values([measured], stage, name) for name in CONDITIONS}
    return {name: ", ".join(kinds) for name, kinds in values.items() if kinds}
