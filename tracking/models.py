"""MLflow's models: each training logs one, linked with its metrics, so that the tab Models compares variants.

`register` gives a version of the registered model, with the alias `champion`, to one of them or to an ensemble.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.tracking import MlflowClient

from core import file_io
from tracking.model_files import write_model
from tracking.run import Run, flatten

ALIAS = "champion"


def log_training_model(run: Run, folder: Path) -> None:
    """The model of the training in `folder`, unless the run has one; later metrics of the run are linked with it."""
    if run.model_id:
        return
    config = file_io.read_json(folder / "config.json", made_by="train")
    described = {"seed": config["seed"], "variant": config["variant"], "parameters": config["parameters"]["total"]}
    params = {"data": config["data"]["name"], **described}
    run.model_id = log_model(run, f"{config['name']}-seed-{config['seed']}", [folder], params)


def log_model(run: Run, name: str, trainings: Sequence[Path], params: Mapping[str, Any]) -> str:
    """Logs the model of `trainings` (folders in results/) as an output of `run`; returns its id, "" if MLflow failed."""
    mlflow, missed = run.mlflow, run.mlflow.missed
    if not run.run_id:
        return ""
    texts = {key: str(value) for key, value in flatten(params)}
    create = partial(
        MlflowClient.create_logged_model,
        experiment_id=mlflow.experiment_id, name=_allowed(name), source_run_id=run.run_id, params=texts,
    )  # fmt: skip
    if (created := mlflow.call(create)) is None:
        return ""
    model_id = str(created.model_id)
    with TemporaryDirectory() as folder:
        write_model(Path(folder), trainings, {"model_id": model_id, "run_id": run.run_id})
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        mlflow.call(lambda client: client.log_model_artifacts(model_id, folder), files)
    if mlflow.missed == missed:
        mlflow.call(lambda client: client.finalize_logged_model(model_id, LoggedModelStatus.READY))
        outputs = [LoggedModelOutput(model_id, 0)]
        mlflow.call(lambda client: client.log_outputs(run.run_id, outputs))  # last: the run has complete models only
    return model_id if mlflow.missed == missed else ""


def _allowed(name: str) -> str:
    """The name without the characters that MLflow refuses in a model's name."""
    return re.sub(r"[/:.%\"']", "_", name)
