"""An empty store, made once: MLflow takes a second to make its tables, and a slow disk many."""

from pathlib import Path

import pytest

from tracking import sqlite


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("tables") / "mlflow.db"
    sqlite.create(path)
    return path
