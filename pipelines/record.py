"""What MLflow is told of a finished training, its evaluation, and a reference: by the stages, and again where a run was
lost.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.pictures import confusion_matrix, learning_curves
from pipelines import measurements, outputs
from pipelines.outputs import TOKENS
from tracking.runs import Occasion, Run, log_configuration, reference_run, training_run

HEADLINES = ("accuracy", "macro_f1", "loss", "roc_auc", "calibration_error")
COSTS = ("training_seconds", "tokens_per_second_mean", "peak_memory_mb")


def training(run: Run, folder: Path, measured: Mapping[str, Any]) -> None:
    """The training's outputs in `folder`, and what it cost."""
    history = outputs.read_json(folder / "history.json", made_by="train")
    costs = {name: measured[name] for name in COSTS if name in measured}
    if costs:
        run.log_metrics(costs, at=measured["epochs"][-1]["ended"])
    run.log_artifacts([folder / "config.json", folder / "history.json", TOKENS / "vocabulary.json"])
    run.log_figure(learning_curves(history), "learning_curves.png")
    run.log_artifacts([folder / "model.safetensors", folder / "config.json"], "model")


def evaluation(run: Run, folder: Path, measured: Mapping[str, Any]) -> None:
    """The evaluation's outputs in `folder`, and how long a document took."""
    config = outputs.read_json(folder / "config.json", made_by="train")
    metrics = outputs.read_json(folder / "metrics.json", made_by="evaluate")
    told = {f"test_{name}": metrics[name] for name in HEADLINES if metrics[name] is not None}
    if not run.has(told):  # an evaluation that was interrupted is done again
        if "milliseconds_a_document" in measured:
            told["milliseconds_a_document"] = measured["milliseconds_a_document"]
        run.log_metrics(told, at=measured.get("evaluated"))
    run.log_figure(confusion_matrix(metrics["confusion_matrix"], config["labels"]), "confusion_matrix.png")
    run.log_artifacts([folder / "metrics.json", folder / "predictions.parquet"])


def rebuild(experiment: str, folder: Path) -> Run:
    """The run of a finished training, anew from what it left in `folder` and from its measurements."""
    config = outputs.read_json(folder / "config.json", made_by="train")
    measured = measurements.read(config["signature"])
    original = Occasion(**measured.get("occasion", {}))
    with training_run(experiment, config["name"], config["seed"], config["signature"], original) as run:
        log_configuration(run, config)
        history = outputs.read_json(folder / "history.json", made_by="train")
        for index, line in enumerate(history):
            run.log_epoch(line, measured["epochs"][index] if "epochs" in measured else {})
        training(run, folder, measured)
        if (folder / "metrics.json").exists():
            evaluation(run, folder, measured)
    return run


def reference(experiment: str, folder: Path, original: Occasion | None = None) -> Run:
    """The run of a reference, from what it left in `folder` and from its measurements."""
    config = outputs.read_json(folder / "config.json", made_by="reference")
    measured = measurements.read(config["signature"])
    with reference_run(experiment, config["title"], config["name"], config["signature"], original) as run:
        chosen = ("name", "data", "tokenize", "vocabulary_size", "parameters", "documents")
        run.log_params({key: config[key] for key in chosen})
        costs = {name: measured[name] for name in COSTS if name in measured}
        if costs:
            run.log_metrics(costs, at=measured["evaluated"])
        evaluation(run, folder, measured)
    return run
