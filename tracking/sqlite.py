"""The SQLite file in which MLflow keeps its runs: its address, its tables, and the artifact addresses in it.

A database is created whole or not at all, and one process at a time uses it.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import mlflow.store.db.utils as mlflow_database
from filelock import FileLock
from sqlalchemy import URL, create_engine, event, make_url

from core.repository import exists

DATABASE = "mlflow.db"  # at the repository's root
ARTIFACTS = "mlartifacts"  # the folder beside the database

# A process that is suspended while it holds the lock does not release it; the others then continue without MLflow.
PATIENCE = 600.0  # seconds

# Every column in which MLflow keeps the absolute address of an artifact folder.
ADDRESSES = {
    "experiments": "artifact_location", "runs": "artifact_uri",
    "logged_models": "artifact_location", "model_versions": "storage_location",
}  # fmt: skip


def address(path: Path) -> str:
    """The address of the database `path`; characters of folder names that mean something in an address are encoded.

    MLflow creates the folder before the last slash without decoding its name. So if anything has to be encoded, the
    slashes are encoded as well.

    Example:
        >>> address(Path("/home/me/mlflow.db"))
        'sqlite:////home/me/mlflow.db'
        >>> address(Path("/home/50% done/mlflow.db"))
        'sqlite:///%2Fhome%2F50%25%20done%2Fmlflow.db'
    """
    plain = path.as_posix()
    return f"sqlite:///{plain if quote(plain) == plain else quote(plain, safe='')}"


def database(uri: str) -> Path | None:
    """The file of a store at `uri`; None for a server and for other databases."""
    if not uri.startswith("sqlite:///"):
        return None
    name = make_url(uri).database
    return Path(name) if name else None


def lock(path: Path) -> FileLock:
    """Serializes access to the database `path`: on a slow disk SQLite itself gives up too early."""
    return FileLock(f"{path}.lock", timeout=PATIENCE)


def create(path: Path) -> None:
    """Creates MLflow's tables in a new database; call it under the lock.

    MLflow's migrations would wait for the disk a thousand times, and a process killed meanwhile would leave a
    half-made database. Here they fill a temporary file, which is written to the disk once and then renamed.
    """
    part = Path(f"{path}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    engine = create_engine(URL.create("sqlite", database=str(part)))
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    try:
        mlflow_database._initialize_tables(engine)  # type: ignore[no-untyped-call]
    finally:
        engine.dispose()
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


def artifacts(path: Path) -> Path:
    """The folder for the artifacts of the database `path`."""
    return path.resolve().parent / ARTIFACTS


def relocate(path: Path) -> None:
    """After a move or a copy: corrects the artifact addresses in the database `path`; call it under the lock.

    MLflow keeps absolute addresses. Uncorrected, a moved store would show no artifacts, and a copy would use those of
    the original. Artifacts stay where they are if the database alone was moved.
    """
    here = artifacts(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        for (elsewhere,) in rows:
            if elsewhere == here.as_uri() or not _lay_beside(elsewhere):
                continue
            old = Path(url2pathname(urlsplit(elsewhere).path))
            if exists(old) and not exists(here) and not exists(old.with_name(path.name)):
                continue
            for table, column in ADDRESSES.items():
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
                    f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (here.as_uri(), len(elsewhere) + 1, elsewhere, len(elsewhere) + 1, f"{elsewhere}/"),
                )


def _lay_beside(location: str | None) -> bool:
    """Whether `location` is the address of a folder that `artifacts` named."""
    return bool(location) and str(location).startswith("file:///") and str(location).endswith(f"/{ARTIFACTS}")


def _alembic_config(db_url: str, alembic_dir: str | None = None) -> Any:
    """Replaces MLflow's function of this name, which fails below a folder with a % in its name."""
    from alembic.config import Config  # slow to import

    folder = alembic_dir or str(Path(mlflow_database.__file__).parents[1] / "db_migrations")
    config = Config(str(Path(folder) / "alembic.ini"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("sqlalchemy.url", db_url.replace("%", "%%"))
    return config


mlflow_database._get_alembic_config = _alembic_config
