"""Logs a pretraining to MLflow: a run with its settings and, for each epoch, losses and perplexities.

Everything comes from data/pretrained and the measurements, so that `complete` can send what MLflow lacks, as
tracking/from_outputs.py does.
"""

from core.paths import PRETRAINED
from outputs import measurements
from outputs.pretrained import DESCRIPTION, read_pretraining
from tracking.connection import Connection
from tracking.lifecycle import find_run, pretraining_run
from tracking.run import NOTE


def complete(mlflow: Connection) -> bool:
    """Sends the pretraining if there is one and MLflow lacks it; returns whether it was sent."""
    if not (PRETRAINED / DESCRIPTION).exists():  # a working copy of an earlier version
        return False
    pretraining = read_pretraining()
    if pretraining["objective"] == "none" or not mlflow.reachable:
        return False
    measured = measurements.read(pretraining["signature"])
    with mlflow.alone():
        if find_run(mlflow, pretraining["signature"]) is not None:
            return False
        with pretraining_run(mlflow, pretraining["objective"], pretraining["signature"]) as run:
            chosen = (
                "pretrain",
                "train",
                "data",
                "tokenize",
                "vocabulary_size",
                "documents",
                "unlabelled",
                "libraries",
            )
            run.log_params({key: pretraining[key] for key in chosen})
            for line in pretraining.get("history", ()):
                run.log_epoch(line, {})
            if "pretraining_seconds" in measured:
                run.log_metrics({"pretraining_seconds": measured["pretraining_seconds"]})
            run.log_artifacts([PRETRAINED / DESCRIPTION])
            texts = "training and unlabelled texts" if pretraining["unlabelled"] else "training texts"
            run.set_tags({NOTE: f"{pretraining['objective']} on {pretraining['documents']:,} {texts}."})
    return True
