"""The registered model as MLflow loads and serves it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from fastapi import FastAPI
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server

from core.errors import TrackingError
from tracking.models import allowed
from tracking.registry import CHAMPION
from tracking.settings import tracking_uri


def load_champion(name: str) -> PyFuncModel:
    """The champion of the registered model `name`.

    Raises:
        TrackingError: none is registered, or the store cannot be read.
    """
    with _champion(name) as address:
        model: PyFuncModel = mlflow.pyfunc.load_model(address)
        return model


def download_champion(name: str, folder: Path) -> None:
    """Writes the champion of the registered model `name` into `folder`, from which `load_folder` loads it.

    Raises:
        TrackingError: as `load_champion`.
    """
    with _champion(name) as address:
        mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=str(folder))


def load_folder(folder: Path) -> PyFuncModel:
    """The model that `folder` holds."""
    model: PyFuncModel = mlflow.pyfunc.load_model(str(folder))
    return model


@contextmanager
def _champion(name: str) -> Iterator[str]:
    """MLflow's address of the champion; MLflow's errors in the block become a TrackingError of one line."""
    mlflow.set_tracking_uri(tracking_uri())
    address = f"models:/{allowed(name)}@{CHAMPION}"
    try:
        yield address
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise TrackingError(
                f"{address} is not registered; make register registers the comparison's winner"
            ) from None
        raise TrackingError(f"{address} cannot be loaded: {error.message}") from None


def python_model_of(model: PyFuncModel) -> Any:
    """The TextModel (tracking/model_code.py, as it was when the model was logged), which has the predictor."""
    return model.unwrap_python_model()  # type: ignore[no-untyped-call]


def scoring_app(model: PyFuncModel) -> FastAPI:
    """MLflow's scoring server for the model: /invocations, /ping, /health and /version."""
    app: FastAPI = scoring_server.init(model)
    return app
