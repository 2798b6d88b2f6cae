"""The registered model: its versions, of which `champion` is the one to use."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from mlflow import set_tracking_uri
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from core import file_io
from tracking.connection import Connection
from tracking.model_files import packaged_code
from tracking.models import allowed, described, log_model
from tracking.run import Run
from tracking.settings import tracking_uri

CHAMPION = "champion"


class Version(NamedTuple):
    """A version of the registered model; `new` says whether it was made now."""

    name: str
    number: str
    new: bool

    @property
    def address(self) -> str:
        """What mlflow.pyfunc.load_model takes."""
        return f"models:/{self.name}@{CHAMPION}"


def current_model(mlflow: Connection, run: Run, trainings: Sequence[Path], scores: Mapping[str, float]) -> str:
    """The id of the model of one training, or of the ensemble of several, with the present code; "" if MLflow fails.

    The model is an output of `run`, the run of that training or of the comparison. If the run has no such model, one is
    logged with the test metrics `scores`, so that MLflow shows it beside the models of trainings.
    """
    configs = [file_io.read_json(folder / "config.json", made_by="train") for folder in trainings]
    name, params = described(configs)
    made = f"source_run_id = '{run.run_id}' and name = '{name}'"
    known = mlflow.call(lambda client: client.search_logged_models([mlflow.experiment_id], made))
    for model in known or ():
        if model.status == LoggedModelStatus.READY and model.params.get("code") == packaged_code()[0]:
            return str(model.model_id)
    run.model_id = log_model(run, name, trainings, params)
    run.log_metrics({f"test_{key}": value for key, value in scores.items()})
    return run.model_id


def register(
    mlflow: Connection, name: str, model_id: str, run_id: str, description: str, tags: Mapping[str, str]
) -> Version | None:
    """Makes the model the champion of the registered model `name`, in a new version unless it is the champion already.

    None if MLflow failed, which the connection has reported.
    """
    set_tracking_uri(tracking_uri())  # where MLflow looks for the model, whichever client registers it
    name, source = allowed(name), f"models:/{model_id}"
    champion = mlflow.call(partial(_champion, name=name))
    if champion is not None and champion.source == source:
        number = str(champion.version)
        mlflow.call(lambda client: client.update_model_version(name, number, description))
        return None if mlflow.missed else Version(name, number, new=False)
    mlflow.call(partial(_create, name=name))
    made = mlflow.call(
        lambda client: client.create_model_version(
            name, source, run_id, dict(tags), description=description, model_id=model_id
        )
    )
    if made is None:
        return None
    mlflow.call(lambda client: client.set_registered_model_alias(name, CHAMPION, made.version))
    return None if mlflow.missed else Version(name, str(made.version), new=True)


def _champion(client: MlflowClient, name: str) -> Any:
    """The version with the alias; None if there is none."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _create(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
