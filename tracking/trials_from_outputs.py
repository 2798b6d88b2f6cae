"""Sends MLflow the trainings of the stages tune and settings that it lacks, from their outcomes and measurements."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from config.params import Params
from config.settings import training_title
from core import file_io
from core.errors import DivergenceError
from core.paths import SETTINGS, setting_name
from outputs import measurements
from outputs.token_files import read_summary
from tracking import from_outputs
from tracking.connection import Connection
from tracking.lifecycle import find_run, log_data, trial_run


def complete_settings(mlflow: Connection, params: Params) -> Iterator[str]:
    """Sends the trainings under compare.settings that MLflow lacks; yields the title of each."""
    for number, setting in enumerate(params.compare.settings):
        for variant in params.compare.variants:
            for seed in params.compare.seeds:
                path = SETTINGS / setting_name(variant, number) / f"seed-{seed}.json"
                outcome = file_io.read_json(path, made_by="settings")
                title = training_title(variant, seed, setting)
                with mlflow.alone():
                    missing = find_run(mlflow, outcome["signature"]) is None and mlflow.reachable
                    if missing:
                        rebuild(mlflow, title, outcome)
                if missing:
                    yield title


def rebuild(mlflow: Connection, title: str, outcome: Mapping[str, Any]) -> None:
    """Logs the run of a training that MLflow lacks. One whose loss was not finite ends as FAILED, as it did then."""
    measured = measurements.read(outcome["signature"])
    costs = measured.get("epochs", [{}] * len(outcome["history"]))
    with suppress(DivergenceError), trial_run(mlflow, title, outcome, from_outputs.provenance(measured)) as run:
        log_data(run, read_summary())
        for line, cost in zip(outcome["history"], costs, strict=False):
            run.log_epoch(line, cost)
        if "error" in outcome:
            raise DivergenceError(outcome["error"])
        run.log_scores(outcome["split"], outcome["scores"])
