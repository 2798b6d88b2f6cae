"""Which MLflow store is used: MLFLOW_TRACKING_URI, or else mlflow.db and mlartifacts/ at the repository's root."""

import logging
import os
from urllib.parse import unquote, urlsplit

from core.repository import repository_root
from tracking import sqlite

logging.getLogger("mlflow").setLevel(logging.WARNING)  # not that it creates tables
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # what it logs is raised as well
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # tracking/connection.py reports failed calls


def tracking_uri() -> str:
    """The address of the store; a server's user and password move to where MLflow does not show them."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or sqlite.address(repository_root() / sqlite.DATABASE)
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and "@" in parts.netloc:
        credentials, _, host = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(user)
        os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
        uri = os.environ["MLFLOW_TRACKING_URI"] = parts._replace(netloc=host).geturl()
    return uri
