"""Where MLflow keeps its runs: MLFLOW_TRACKING_URI, or else mlflow.db and mlartifacts/ at the repository's root."""

import logging
import os
from urllib.parse import unquote, urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
# MLflow would wait four minutes for a server that is down, at each call. What fails is not lost: tracking/outbox.py.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from core.errors import TrackingError, without_secrets
from core.repository import repository_root
from tracking import sqlite
from tracking.client import WAITING_EXPERIMENT, OutboxClient

logging.getLogger("mlflow").setLevel(logging.WARNING)  # the making of tables is no news
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # what it logs is raised as well

logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # a server that is down is said once

# What MLflow's client says of a server that is down, stalls or is in trouble; other codes are the user's mistakes.
PASSING = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "DEADLINE_EXCEEDED", "REQUEST_LIMIT_EXCEEDED"}


def tracking_uri() -> str:
    """The address of the store; a server's user and password are put where MLflow does not show them."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or sqlite.address(repository_root() / sqlite.DATABASE)
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and "@" in parts.netloc:
        credentials, _, host = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = (
            unquote(user),
            unquote(password),
        )
        uri = os.environ["MLFLOW_TRACKING_URI"] = parts._replace(netloc=host).geturl()
    return uri


def open_experiment(name: str) -> tuple[OutboxClient, str]:
    """A client of the store, and the id of the experiment called `name`; both are made at first use.

    A server that is down ends nothing: the client's outbox takes what is told, and the id is a name that it knows.

    Raises:
        TrackingError: the store cannot be used.
    """
    uri = tracking_uri()
    try:
        client = OutboxClient(uri, name, repository_root())
        experiment_id = client.experiment_id(name)
    except (MlflowException, SQLAlchemyError, ImportError, OSError) as error:
        if uri.startswith("http") and getattr(error, "error_code", None) in PASSING:
            client.report(error)
            return client, WAITING_EXPERIMENT
        reason = without_secrets(str(error).splitlines()[0])
        raise TrackingError(f"the MLflow store {without_secrets(uri)} cannot be used: {reason}") from error
    client.send_outbox()
    client.close_abandoned_runs()
    return client, experiment_id
