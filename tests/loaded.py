"""Processes that have loaded the libraries already: forks of one that has, since importing them takes 5 seconds.

For tests of what a program does. Those of how it starts and how signals end it start `python -m`.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from tests.pipelines.project import ROOT

ORIGIN = multiprocessing.get_context("forkserver")
ORIGIN.set_forkserver_preload(["pipelines.train", "pipelines.evaluate", "pipelines.compare"])


def start(target: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    """A process that calls `target`, which has to be a module's function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # where the first process finds what it loads
        for name in ("DVC_ROOT", "DVC_STAGE", "MLFLOW_TRACKING_URI"):  # of the test that happens to be the first
            patch.delenv(name, raising=False)
        forkserver.ensure_running()
    process = ORIGIN.Process(target=target, args=arguments)
    process.start()
    return process


def run_module(folder: Path, environment: Mapping[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    """What `python -m` does in `folder` with a module of the project and its arguments."""
    return _run(_module, folder, environment, command)


def run_program(folder: Path, environment: Mapping[str, str], *command: str) -> "subprocess.CompletedProcess[str]":
    """What `python -c` does in `folder` with a program and its arguments."""
    return _run(_program, folder, environment, command)


def run_script(*command: str) -> "subprocess.CompletedProcess[str]":
    """What `python` does with a file and its arguments, in the environment of the tests."""
    return _run(_script, ROOT, os.environ, command)


def _run(
    kind: Callable[[str], object], folder: Path, environment: Mapping[str, str], command: Sequence[str]
) -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place) / name for name in ("output", "errors")]
        process = start(_begin, kind, str(folder), dict(environment), list(command), list(map(str, streams)))
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess(command, process.exitcode, *(path.read_text() for path in streams))


def _begin(
    kind: Callable[[str], object], folder: str, environment: dict[str, str], command: list[str], streams: list[str]
) -> None:
    for number, path in enumerate(streams, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.update(environment)  # what modules have set for themselves stays
    sys.argv = command
    kind(command[0])


def _module(name: str) -> None:
    import_module(name).main()


def _program(text: str) -> None:
    exec(text, {"__name__": "__main__"})


def _script(path: str) -> None:
    runpy.run_path(path, run_name="__main__")
