"""Starts a stage of a grid as `python -m` would. `python -m engine.start pipelines.train`.

Loading what a training needs takes longer than evaluating it. Where commands.run keeps a process that has loaded it
all (engine/preloaded.py), the stage runs in a copy of that process; this one stands for it before DVC, passes
signals on to it, and ends with its exit code. Elsewhere the stage runs in this process.
"""

import json
import os
import runpy
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

from core import command_line

ADDRESS = "PRELOADED_STAGES"  # environment variable: the socket of a process that has loaded the stages
STARTED = b"+"
STANDARD_STREAMS = [0, 1, 2]


def main() -> None:
    """The command line: a module, and its own arguments."""
    del sys.argv[0]
    try:
        code = run_preloaded(os.environ[ADDRESS], sys.argv) if ADDRESS in os.environ else None
    except command_line.Terminated:
        code = 128 + signal.SIGTERM
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    if code is None:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    sys.exit(code)


def run_preloaded(address: str, arguments: list[str]) -> int | None:
    """The exit code of the module `arguments[0]`, run in a copy of the process at `address`; None if none is there."""
    request = {
        "arguments": arguments,
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "cores": list(os.sched_getaffinity(0)),
    }
    with socket.socket(socket.AF_UNIX) as connection:
        if connection.fileno() in STANDARD_STREAMS:
            return None  # it took the place of one that is closed
        try:
            connection.connect(address)
            socket.send_fds(connection, [b" "], STANDARD_STREAMS)
            connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError:
            return None
        command_line.end_with_parent()
        if _answer(connection) != STARTED:
            return None  # the stages could not be loaded; run here, this one shows why

        def pass_on(number: int, frame: FrameType | None) -> None:
            with suppress(OSError):
                connection.send(bytes([number]))

        # Until now a signal ended this process, and with it the connection, at which the stage ends, too.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        code = _answer(connection)
        return code[0] if code else 128 + signal.SIGKILL


def _answer(connection: socket.socket) -> bytes:
    """The next byte, or none if nobody is there any more."""
    try:
        return connection.recv(1)
    except OSError:
        return b""


if __name__ == "__main__":
    main()
