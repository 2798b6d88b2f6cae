"""`make ui` over a project, for tests that open its pages."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def served_pages(project: Path) -> Iterator[dict[str, str]]:
    """The addresses that it prints, by title, while the server runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "commands.ui", "--port", port]
    own = {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(project), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | own
    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            lines = (line for line in server.stdout if ": http://127.0.0.1" in line)  # the server writes, too
            addresses: dict[str, str] = {}
            while "all runs" not in addresses:  # the last one
                title, address = next(lines).strip().split(": ", 1)
                addresses[title] = address
            yield addresses
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
