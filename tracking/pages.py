"""Opens MLflow's pages on the project's store, for commands/ui.py."""

import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import quote

import mlflow
import requests

from core.errors import TrackingError
from core.ports import HOST, opened
from tracking.comparisons import compare_page, latest_trainings
from tracking.connection import connect
from tracking.saved_views import save
from tracking.settings import tracking_uri
from tracking.views import MACHINE_LEARNING, addresses


class Ranking(NamedTuple):
    """The metric by which trainings are sorted, and whether a higher value is better."""

    metric: str
    higher_is_better: bool


# MLflow's server would start eight more processes for jobs, such as judging language models.
WITHOUT_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def serve(experiment: str, port: int, ranking: Ranking) -> None:
    """Starts the server on 127.0.0.1, prints the pages' addresses and opens the first; Ctrl-C ends it.

    Raises:
        ParamsError: the port is in use, or there is no such port.
        TrackingError: the store cannot be used, or MLflow's server failed.
    """
    if tracking_uri().startswith("http"):
        sys.exit("MLFLOW_TRACKING_URI names a server, which shows its pages itself: open its address in a browser")
    with opened(port, "make ui") as place:  # else another server there would be taken for MLflow's
        port = place.getsockname()[1]
        address = f"http://{HOST}:{port}"
        found = {title: f"{address}/#/{page}" for title, page in pages(experiment, ranking).items()}
    command = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--port", str(port), "--workers", "1"]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # Not on the command line, which everyone on this machine can read: the address may hold a password.
    environment = os.environ | {"MLFLOW_BACKEND_STORE_URI": tracking_uri()} | WITHOUT_JOBS
    with _importable() as more, subprocess.Popen(command, env=environment | more) as server:
        try:
            _wait(server, f"{address}/health")
            print("\n".join(f"{title}: {page}" for title, page in found.items()), flush=True)
            if _has_display():
                webbrowser.open(next(iter(found.values())))
            if code := server.wait():
                raise TrackingError(f"MLflow's server ended with exit code {code}; its lines above say why")
        except KeyboardInterrupt:
            pass  # the terminal sends Ctrl-C to the server, too
        finally:
            server.terminate()


@contextmanager
def _importable() -> Iterator[dict[str, str]]:
    """Environment variables that let the server run even if a folder above MLflow has a % in its name.

    MLflow cannot read its migrations in such a folder (tracking/sqlite.py corrects this for the current process), so
    the server imports MLflow through a symbolic link.
    """
    libraries = Path(mlflow.__file__).parents[1]
    if "%" not in str(libraries):
        yield {}
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / "libraries"
        link.symlink_to(libraries)
        yield {"PYTHONPATH": os.pathsep.join(filter(None, [str(link), os.environ.get("PYTHONPATH")]))}


def pages(experiment: str, ranking: Ranking) -> dict[str, str]:
    """The addresses of MLflow's pages that show the experiment, by title.

    Raises:
        TrackingError: the store cannot be used.
    """
    with connect(experiment) as mlflow:
        trainings, searched = latest_trainings(mlflow), bool(mlflow.search("tags.kind = 'tuning'"))
        save(mlflow)  # views may be missing: from an earlier version, or deleted
        if mlflow.missed:
            raise TrackingError("MLflow's store cannot be read; the line above says why")
        experiment_id = mlflow.experiment_id
    runs_page = f"experiments/{experiment_id}/runs?{MACHINE_LEARNING}"
    # References are included. Sorted by time, MLflow would collapse runs under their comparison; sorted by a metric, it
    # does not.
    others = " and ".join(f"tags.kind != '{kind}'" for kind in ("comparison", "tuning", "trial"))
    order, condition = quote(f"metrics.`test_{ranking.metric}`"), quote(others)
    ascending = "false" if ranking.higher_is_better else "true"
    found = addresses(experiment_id, searched) if trainings or searched else {}
    found |= {
        "trainings, best first": f"{runs_page}&orderByKey={order}&orderByAsc={ascending}&searchFilter={condition}",
    }
    if trainings:
        found["latest comparison, side by side"] = compare_page(experiment_id, trainings)
    return found | {"all runs": runs_page}


def _wait(server: subprocess.Popen[bytes], address: str) -> None:
    while server.poll() is None:
        try:
            requests.get(address, timeout=5)
            return
        except requests.RequestException:
            time.sleep(0.2)
    code = server.returncode
    raise TrackingError(f"MLflow's server ended with exit code {code}; is the port in use? make ui PORT=…")


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
