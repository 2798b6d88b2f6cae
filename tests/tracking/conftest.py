"""An empty store, made once."""

from pathlib import Path

import pytest

from tests.tracking.server import empty_store


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables and nothing in them, to be copied."""
    path = tmp_path_factory.mktemp("tables") / "mlflow.db"
    path.write_bytes(empty_store())
    return path
