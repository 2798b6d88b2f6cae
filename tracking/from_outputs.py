"""Logs finished trainings, their evaluations, and references to MLflow, from their outputs and measurements.

The stage train sends each epoch as it ends. MLflow may still lack something: it was down, it lost its store, or the
outputs came from another machine. Then `complete` sends what is missing, called by the stages evaluate and compare, by
`make run` and by `make restore`. A run is complete if it is FINISHED and has the evaluation's metrics, which are sent
last.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.comparison.costs import CONDITIONS, COSTS, condition_values
from analysis.drawing.confusion_figures import confusion_matrix
from analysis.drawing.curves import learning_curves
from core import file_io
from core.paths import EXPLANATIONS, TOKENS
from outputs import evaluation_checksums, measurements
from tracking.connection import Connection
from tracking.lifecycle import find_run, reference_run, training_run
from tracking.models import log_training_model
from tracking.run import Provenance, Run

# The keys of METRICS. Its module imports scikit-learn, which a training would load for nothing.
LOGGED_METRICS = ("accuracy", "macro_f1", "balanced_accuracy", "loss", "roc_auc", "calibration_error")


def training(run: Run, folder: Path, measured: Mapping[str, Any]) -> None:
    """Logs the training's outputs in `folder`, its costs, and the conditions under which they were `measured`."""
    history = file_io.read_json(folder / "history.json", made_by="train")
    log_training_model(run, folder)
    _training_costs(run, measured)
    run.log_artifacts([folder / "config.json", folder / "history.json", folder.parents[2] / TOKENS / "vocabulary.json"])
    run.log_figure(learning_curves(history), "learning_curves.png")


def complete(mlflow: Connection, folder: Path, evaluated: bool = False) -> bool:
    """Sends what MLflow lacks of the training in `folder` and of its evaluation; returns whether anything was missing.

    The evaluation's artifacts are always sent if it has just been repeated (`evaluated`).
    """
    config = file_io.read_json(folder / "config.json", made_by="train")
    measured = measurements.read(config["signature"])
    original = provenance(measured)
    has_scores = evaluation_checksums.is_current(config["name"], config["seed"], folder.parents[2])
    with mlflow.alone():
        run = find_run(mlflow, config["signature"], original.ended)
        if not mlflow.reachable:
            return False
        if run is None:
            with training_run(mlflow, config, original) as run:
                history = file_io.read_json(folder / "history.json", made_by="train")
                for index, line in enumerate(history):
                    run.log_epoch(line, measured["epochs"][index] if "epochs" in measured else {})
                training(run, folder, measured)
                if has_scores:
                    _evaluation(run, folder, measured)
                _explanations(run, measured)
            return True
        without_model = not run.model_id  # of an earlier version, or one that MLflow did not take
        lacking = without_model or (has_scores and not run.has(_test_metrics(folder)))
        if without_model:
            log_training_model(run, folder)
            _training_costs(run, measured)
        if has_scores and (lacking or evaluated):
            _evaluation(run, folder, measured, again=without_model)
        return _explanations(run, measured) or lacking


def reference(mlflow: Connection, folder: Path, original: Provenance | None = None) -> Run:
    """Logs a run of the reference, from its outputs in `folder` and from its measurements; returns the run."""
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
    """Like `complete`, for the reference in `folder`."""
    signature = file_io.read_json(folder / "config.json", made_by="reference")["signature"]
    original = provenance(measurements.read(signature))
    with mlflow.alone():
        missing = find_run(mlflow, signature, original.ended) is None and mlflow.reachable
        if missing:
            reference(mlflow, folder, original)
    return missing


def provenance(measured: Mapping[str, Any]) -> Provenance:
    """The provenance in the measurements of an execution, which earlier versions stored as `occasion`."""
    return Provenance(**(measured.get("provenance") or measured.get("occasion") or {}))


def _training_costs(run: Run, measured: Mapping[str, Any]) -> None:
    costs, conditions = _costs("training", measured), _conditions("training", measured)
    if costs:
        run.log_metrics(costs, at=measured["epochs"][-1]["ended"])
        run.set_tags(conditions)


def _evaluation(run: Run, folder: Path, measured: Mapping[str, Any], again: bool = False) -> None:
    """Logs the evaluation's outputs in `folder`, and the costs of prediction; the metrics come last.

    With `again`, metrics that the run already has are sent once more, which links them with its model. MLflow stores a
    repeated metric only once.
    """
    metrics = _test_metrics(folder)
    config = file_io.read_json(folder / "config.json", made_by="train")
    matrix = file_io.read_json(folder / "metrics.json", made_by="evaluate")["confusion_matrix"]
    figure = confusion_matrix(config["labels"], matrix, config.get("title", config["name"]))
    run.log_figure(figure, "confusion_matrix.png")
    run.log_artifacts([folder / "metrics.json", folder / "predictions.parquet"])
    if again or not run.has(metrics):  # an evaluation that was interrupted is repeated
        run.set_tags(_conditions("prediction", measured))
        run.log_metrics(metrics | _costs("prediction", measured), at=measured.get("evaluated"))


def _test_metrics(folder: Path) -> dict[str, float]:
    """What MLflow shows of the evaluation in `folder`."""
    return {f"test_{name}": value for name, value in scores(folder).items()}


def scores(folder: Path) -> dict[str, float]:
    """LOGGED_METRICS of the evaluation in `folder`, those that are defined for its classes."""
    metrics = file_io.read_json(folder / "metrics.json", made_by="evaluate")
    return {name: metrics[name] for name in LOGGED_METRICS if metrics.get(name) is not None}


def _explanations(run: Run, measured: Mapping[str, Any]) -> bool:
    """Uploads pages that `explain` wrote about this training and the run lacks; returns whether there were any."""
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
