"""What MLflow is told of a finished training, its evaluation, and a reference: by the stages, and again where a run was
lost.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.comparison.costs import CONDITIONS, COSTS, condition_values
from analysis.comparison.metrics import METRICS
from analysis.drawing.training_pictures import confusion_matrix, learning_curves
from core import file_io
from core.paths import TOKENS
from outputs import measurements
from tracking.run import Run
from tracking.runs import Occasion, find_run, log_configuration, reference_run, training_run


def training(run: Run, folder: Path, measured: Mapping[str, Any]) -> None:
    """The training's outputs in `folder`, and what it cost under which conditions."""
    history = file_io.read_json(folder / "history.json", made_by="train")
    if costs := _costs("training", measured):
        run.log_metrics(costs, at=measured["epochs"][-1]["ended"])
        run.set_tags(_condition_tags("training", measured))
    run.log_artifacts([folder / "config.json", folder / "history.json", _vocabulary(folder)])
    run.log_figure(learning_curves(history), "learning_curves.png")
    run.log_artifacts([folder / "model.safetensors", folder / "config.json"], "model")


def evaluation(run: Run, folder: Path, measured: Mapping[str, Any]) -> None:
    """The evaluation's outputs in `folder`, and how long a document took under which conditions."""
    config = file_io.read_json(folder / "config.json", made_by="train")
    metrics = file_io.read_json(folder / "metrics.json", made_by="evaluate")
    scores = {f"test_{metric.key}": metrics[metric.key] for metric in METRICS if metrics.get(metric.key) is not None}
    if not run.has(scores):  # an evaluation that was interrupted is done again
        run.log_metrics(scores | _costs("prediction", measured), at=measured.get("evaluated"))
        run.set_tags(_condition_tags("prediction", measured))
    run.log_figure(confusion_matrix(metrics["confusion_matrix"], config["labels"]), "confusion_matrix.png")
    run.log_artifacts([folder / "metrics.json", folder / "predictions.parquet"])


def rebuild_lost(experiment: str, folder: Path) -> bool:
    """Rebuilds the run of the finished training in `folder` if the store has none; returns whether it did."""
    lost = find_run(experiment, file_io.read_json(folder / "config.json", made_by="train")["signature"]) is None
    if lost:
        rebuild(experiment, folder)
    return lost


def rebuild(experiment: str, folder: Path) -> Run:
    """The run of a finished training, anew from what it left in `folder` and from its measurements."""
    config = file_io.read_json(folder / "config.json", made_by="train")
    measured = measurements.read(config["signature"])
    original = Occasion(**measured.get("occasion", {}))
    with training_run(experiment, config["name"], config["seed"], config["signature"], original) as run:
        log_configuration(run, config)
        history = file_io.read_json(folder / "history.json", made_by="train")
        for index, line in enumerate(history):
            run.log_epoch(line, measured["epochs"][index] if "epochs" in measured else {})
        training(run, folder, measured)
        if (folder / "metrics.json").exists():
            evaluation(run, folder, measured)
    return run


def reference(experiment: str, folder: Path, original: Occasion | None = None) -> Run:
    """The run of a reference, from what it left in `folder` and from its measurements."""
    config = file_io.read_json(folder / "config.json", made_by="reference")
    measured = measurements.read(config["signature"])
    with reference_run(experiment, config["title"], config["name"], config["signature"], original) as run:
        chosen = ("name", "data", "tokenize", "vocabulary_size", "parameters", "documents", "libraries")
        run.log_params({key: config[key] for key in chosen})
        if costs := _costs("training", measured):
            run.log_metrics(costs, at=measured["evaluated"])
            run.set_tags(_condition_tags("training", measured))
        evaluation(run, folder, measured)
    return run


def rebuild_lost_reference(experiment: str, folder: Path) -> bool:
    """As `rebuild_lost`, of a reference."""
    signature = file_io.read_json(folder / "config.json", made_by="reference")["signature"]
    lost = find_run(experiment, signature) is None
    if lost:
        reference(experiment, folder, Occasion(**measurements.read(signature).get("occasion", {})))
    return lost


def _vocabulary(folder: Path) -> Path:
    """The vocabulary of the training in `folder`, results/<variant>/seed-<seed> below the outputs' root."""
    return folder.parents[2] / TOKENS / "vocabulary.json"


def _costs(stage: str, measured: Mapping[str, Any]) -> dict[str, float]:
    return {cost.key: measured[cost.key] for cost in COSTS if cost.stage == stage and cost.key in measured}


def _condition_tags(stage: str, measured: Mapping[str, Any]) -> dict[str, str]:
    """As tags, such as conditions.training.cores."""
    found = {f"conditions.{stage}.{name}": condition_values([measured], stage, name) for name in CONDITIONS}
    return {name: ", ".join(values) for name, values in found.items() if values}
