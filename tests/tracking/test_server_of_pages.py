"""MLflow's own server, as `make ui` starts it: after a move, below odd names, after an experiment was deleted."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import mlflow
import psutil
import pytest
from mlflow.tracking import MlflowClient

import commands.ui
from tests.pipelines.project import change_params
from tests.predictor.project import call

ROOT = Path(__file__).parents[2]
TRAIN = """
from matplotlib.figure import Figure
from tests.tracking.connected import comparison_run, training_run
with training_run("e", "lstm", 1, "s1") as run:
    run.log_figure(Figure(), "learning_curves.png")
with comparison_run("e", "lstm", "c1", ["s1"], {}, "Nobody won."):
    pass
print(run.run_id)
"""


class Pages(NamedTuple):
    """The server's address, what `make ui` has printed, and its process."""

    address: str
    printed: dict[str, str]
    process: "subprocess.Popen[str]"


class Checkout:
    """A folder with a store, whose programs find MLflow below a folder with a % in its name."""

    def __init__(self, folder: Path, libraries: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "params.yaml", folder)
        change_params(folder, {"tracking.experiment": "e"})
        known = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        paths = f"{libraries}{os.pathsep}{ROOT}"
        self.environment = known | {"PYTHONPATH": paths, "DVC_ROOT": str(folder), "DISPLAY": "", "WAYLAND_DISPLAY": ""}

    def run(self, program: str) -> str:
        command = [sys.executable, "-c", program]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def pages(self) -> Iterator[Pages]:
        """`make ui`, once its server answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        command = [sys.executable, "-m", "commands.ui", "--port", port]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            try:
                assert server.stdout is not None
                printed = {}
                for line in server.stdout:
                    title, _, page = line.strip().partition(": ")
                    printed[title] = page
                    if title == "all runs":
                        break
                yield Pages(f"http://127.0.0.1:{port}", printed, server)
            finally:
                server.send_signal(signal.SIGTERM)
                server.wait()


def ask(address: str, path: str, **query: str) -> dict[str, object]:
    with urlopen(f"{address}/api/2.0/mlflow/{path}?{urlencode(query)}") as answer:
        return dict(json.load(answer))


def trainings(address: str, experiment_id: str) -> list[str]:
    """The runs that the page of the experiment lists."""
    body = json.dumps({"experiment_ids": [experiment_id], "filter": "tags.kind = 'training'"}).encode()
    request = Request(f"{address}/api/2.0/mlflow/runs/search", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return [run["info"]["run_id"] for run in json.load(answer).get("runs", [])]


def test_the_server_shows_artifacts_where_the_checkout_is_now_and_a_deleted_experiment_and_its_end_is_an_error(
    tmp_path: Path,
) -> None:
    libraries = tmp_path / "100% python" / "libraries"
    libraries.parent.mkdir()
    libraries.symlink_to(Path(mlflow.__file__).parents[1])
    folder = tmp_path / "before"
    folder.mkdir()
    run_id = Checkout(folder, libraries).run(TRAIN)
    moved = tmp_path / "50% done? #1 日本" / "checkout"
    moved.parent.mkdir()
    folder.rename(moved)

    with Checkout(moved, libraries).pages() as (address, printed, _):
        listed = ask(address, "artifacts/list", run_id=run_id)
        assert [entry["path"] for entry in listed["files"]] == ["learning_curves.png"]  # type: ignore[attr-defined]
        with urlopen(f"{address}/get-artifact?path=learning_curves.png&run_uuid={run_id}") as picture:
            content = picture.read()
        assert content.startswith(b"\x89PNG")
        assert content == (moved / "mlartifacts" / run_id / "artifacts" / "learning_curves.png").read_bytes()
        assert run_id in printed["latest comparison, side by side"]
        experiment_id = printed["all runs"].split("/experiments/")[1].split("/")[0]
        MlflowClient(address).delete_experiment(experiment_id)
        assert trainings(address, experiment_id) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["100% python", moved.parent.name]

    with Checkout(moved, libraries).pages() as (address, printed, command):
        assert trainings(address, experiment_id) == [run_id]

        for process in psutil.Process(command.pid).children(recursive=True):
            process.kill()
        assert command.stdout is not None
        lines = command.stdout.read().splitlines()
        assert command.wait() == 1
        assert lines[-1].startswith("error: MLflow's server ended with exit code ")


def test_a_port_on_which_another_server_answers_is_refused_in_a_line() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_port
        assert call(commands.ui, "--port", str(port)) == (
            f"error: --port is {port}: Address already in use; allowed: a free port, such as make ui PORT=5002"
        )
        other.shutdown()


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_number_that_is_no_port_is_refused_in_a_line(port: int) -> None:
    assert call(commands.ui, "--port", str(port)) == f"error: --port is {port}; allowed: 0 (any free port) to 65535"
