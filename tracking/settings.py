"""Which MLflow store is used: MLFLOW_TRACKING_URI, or else mlflow.db and mlartifacts/ at the repository's root."""

import logging
import os
from urllib.parse import unquote, urlsplit

from core.repository import repository_root
from tracking import sqlite

logging.getLogger("mlflow").setLevel(logging.WARNING)  # hides messages about the creation of tables
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # errors that it logs are also raised
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # tracking/connection.py reports failed calls


def tracking_uri() -> str:
    """The store's address; a server's user and password move to environment variables, which MLflow does not show."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or sqlite.address(repository_root() / sqlite.DATABASE)
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and "@" in parts.netloc:
        credentials, _, host = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(user)
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
        uri = os.environ["MLFLOW_TRACKING_URI"] = parts._replace(netloc=host).geturl()
    return uri
