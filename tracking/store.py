"""Where MLflow keeps its runs: MLFLOW_TRACKING_URI, or else mlflow.db and mlartifacts/ at the repository's root."""

import logging
import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported

from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from errors import TrackingError
from tracking.place import repository_root

logging.getLogger("mlflow").setLevel(logging.WARNING)  # the making of tables is no news

# Without this tag MLflow's pages take an experiment for one about language-model applications.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
DESCRIPTION = "Does reading a text in both directions help, where, how surely, and at what cost?"


def tracking_uri() -> str:
    """The address of the store."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{repository_root() / 'mlflow.db'}"


def open_experiment(name: str) -> tuple[MlflowClient, str]:
    """A client of the store, and the id of the experiment called `name`; both are made at first use.

    Raises:
        TrackingError: the store cannot be used.
    """
    uri = tracking_uri()
    try:
        # Two processes that create the tables, or the experiment, at the same time would fail each other.
        with FileLock(repository_root() / "mlflow.db.lock"):
            client = MlflowClient(uri)
            experiment = client.get_experiment_by_name(name)
            if experiment is not None:
                return client, str(experiment.experiment_id)
            # A server keeps artifacts where it was told to; the local store keeps them beside itself.
            artifacts = (repository_root() / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None
            tags = {**EXPERIMENT_TAGS, "mlflow.note.content": DESCRIPTION}
            return client, client.create_experiment(name, artifact_location=artifacts, tags=tags)
    except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TrackingError(f"the MLflow store {_without_password(uri)} cannot be used: {reason}") from error


def _without_password(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
