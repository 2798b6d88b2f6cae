"""An MLflow server as a process of its own, which tests may stop and start again."""

import os
import signal
import socket
from functools import cache
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

import uvicorn

from tests import loaded
from tracking import sqlite
from tracking.pages import WITHOUT_JOBS


@cache
def empty_store() -> bytes:
    """A database with MLflow's tables and nothing in them: MLflow takes two seconds to make them."""
    with TemporaryDirectory() as folder:
        sqlite.create(Path(folder) / "mlflow.db")
        return (Path(folder) / "mlflow.db").read_bytes()


class Server:
    """Keeps its runs and artifacts in `folder`, and its address over restarts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: ForkServerProcess | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        database = self.folder / "server.db"
        if not database.exists():
            database.write_bytes(empty_store())  # which the server itself takes long for
        self.process = loaded.start(serve, str(self.folder), self.port)
        while self.process.is_alive():
            try:
                with urlopen(f"{self.address}/health", timeout=5):
                    return
            except (URLError, OSError):
                self.process.join(timeout=0.05)  # to ask without a pause would take the core that it starts on
        raise AssertionError((self.folder / "log").read_text(encoding="utf-8"))

    def stop(self) -> None:
        """Kills it as it stands, with its workers."""
        if self.process is not None and self.process.pid is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.join()
            self.process = None


def serve(folder: str, port: int) -> None:
    """What `mlflow server` does, without its command line, which starts two more processes that import MLflow."""
    from mlflow.server import constants  # makes the server's app

    os.setsid()
    os.chdir(folder)
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.update(
        WITHOUT_JOBS
        | {
            constants.BACKEND_STORE_URI_ENV_VAR: f"sqlite:///{folder}/server.db",
            constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
            constants.ARTIFACTS_DESTINATION_ENV_VAR: f"{folder}/files",
            constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        }
    )
    uvicorn.run("mlflow.server.fastapi_app:app", port=port)
