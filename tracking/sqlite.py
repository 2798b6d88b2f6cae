"""The SQLite file that MLflow keeps its runs in: made whole or not at all, and asked by one process at a time."""

import os
from pathlib import Path

from filelock import FileLock
from mlflow.store.db.utils import _initialize_tables
from sqlalchemy import create_engine, event, make_url

# A process that was stopped while it had the lock keeps it; the others go on without MLflow then.
PATIENCE = 600.0  # seconds


def database(uri: str) -> Path | None:
    """The file of a store at `uri`; None for a server and for other databases."""
    if not uri.startswith("sqlite:///"):
        return None
    name = make_url(uri).database
    return Path(name) if name else None


def lock(path: Path) -> FileLock:
    """For whoever asks the database `path`: SQLite itself gives up after some seconds, which a slow disk may take."""
    return FileLock(f"{path}.lock", timeout=PATIENCE)


def create(path: Path) -> None:
    """Makes MLflow's tables in a new database; call it under the lock.

    MLflow's migrations would wait for the disk a thousand times, and a process that was killed meanwhile would leave a
    database that is neither old nor new. Here they fill a file of another name, which reaches the disk once.
    """
    part = Path(f"{path}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    engine = create_engine(f"sqlite:///{part}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    try:
        _initialize_tables(engine)  # type: ignore[no-untyped-call]
    finally:
        engine.dispose()
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
