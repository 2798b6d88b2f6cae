"""MLflow's models: each training logs one, linked with its metrics, so that the tab Models compares variants.

`tracking/registry.py` registers one of them, or an ensemble.
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
from tracking.model_files import packaged_code, sources, write_model
from tracking.run import Run, flatten


def log_training_model(run: Run, folder: Path) -> None:
    """The model of the training in `folder`, unless the run has one; later metrics of the run are linked with it."""
    if run.model_id:
        return
    name, params = described([file_io.read_json(folder / "config.json", made_by="train")])
    run.model_id = log_model(run, name, [folder], params)


def described(configs: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The name of the model of these trainings of one variant, such as bilstm-seed-1, and what MLflow shows of it."""
    first, seeds = configs[0], [str(config["seed"]) for config in configs]
    parameters = sum(config["parameters"]["total"] for config in configs)
    params = {"data": first["data"]["name"], "variant": first["name"], "seed": ", ".join(seeds)}
    return allowed(f"{first['name']}-seed-{'-'.join(seeds)}"), {**params, "parameters": parameters, **first["variant"]}


def log_model(run: Run, name: str, trainings: Sequence[Path], params: Mapping[str, Any]) -> str:
    """Logs the model of `trainings` (folders in results/) as an output of `run`; its id, or "" if MLflow failed."""
    mlflow, missed = run.mlflow, run.mlflow.missed
    if not run.run_id:
        return ""
    texts = {key: str(value) for key, value in flatten({**params, "code": packaged_code()[0]})}
    create = partial(
        MlflowClient.create_logged_model,
        experiment_id=mlflow.experiment_id, name=name, source_run_id=run.run_id, params=texts,
    )  # fmt: skip
    if (created := mlflow.call(create)) is None:
        return ""
    model_id = str(created.model_id)

    def upload(client: MlflowClient) -> None:
        """Writes and uploads the model; part of the call, so that a full disk does not end a training either."""
        with TemporaryDirectory() as folder:
            write_model(Path(folder), trainings, model_id, run.run_id)
            client.log_model_artifacts(model_id, folder)

    mlflow.call(upload, sources(trainings))
    if mlflow.missed == missed:
        mlflow.call(lambda client: client.finalize_logged_model(model_id, LoggedModelStatus.READY))
        outputs = [LoggedModelOutput(model_id, 0)]
        mlflow.call(lambda client: client.log_outputs(run.run_id, outputs))  # last: the run has complete models only
    return model_id if mlflow.missed == missed else ""


def allowed(name: str) -> str:
    """The name without the characters that MLflow refuses in the name of a model."""
    return re.sub(r"[/:.%\"']", "_", name)
