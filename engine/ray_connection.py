"""The connection to a Ray cluster: the checks before it, and the message if Ray ends this process."""

import logging
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ray

from config.params import Params
from core.errors import ParamsError
from engine import remote
from engine.nodes import NEXT_RUN, OWN_NODE_DIED
from provenance.source_code import ROOT

REACHABLE_SECONDS = 10.0
NO_SOURCE = {"tests", "benchmarks", "recipes", "docs"}  # of the folders that hold Python files
LAST_WORDS = f"error: the run was killed, or {OWN_NODE_DIED}. {NEXT_RUN}"


@contextmanager
def connected(params: Params, address: str | None) -> Iterator[None]:
    """A connection to the cluster at `address`, for the block.

    Args:
        params: of the run
        address: as `ray.init` takes it; None: RAY_ADDRESS, or the cluster that this machine belongs to

    Raises:
        ParamsError: the token or the cluster is missing, or the settings do not fit a cluster.
    """
    if os.environ.get("RAY_AUTH_MODE") != "token":
        raise ParamsError("RAY_AUTH_MODE is not set; allowed: token, here and on all nodes (docs/cluster.md)")
    if params.train.num_nodes > 1:
        raise ParamsError(
            f"train.num_nodes is {params.train.num_nodes}; allowed with --engine ray: 1 (docs/cluster.md)"
        )
    if params.train.devices == "auto" and params.train.accelerator != "cpu":
        raise ParamsError("train.devices is 'auto'; allowed with --engine ray on GPUs: their number for each training")
    with TemporaryDirectory() as folder, _last_words():
        _copy_source(Path(folder))
        place = address or os.environ.get("RAY_ADDRESS", "auto")
        _check_reachable(place)
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # jobs report lost nodes themselves
        on_sigterm = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(place, runtime_env={"working_dir": folder}, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise ParamsError(f"no Ray cluster can be used at {place}: {error}") from None
        finally:
            signal.signal(signal.SIGTERM, on_sigterm)  # which Ray sets for itself
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def _last_words() -> Iterator[None]:
    """Has a second process print why this one has ended: if this machine's node dies, Ray ends this one silently."""
    command = ["sh", "-c", 'read -r over || echo "$0" >&2', LAST_WORDS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True) as witness:
        try:
            yield
        finally:
            witness.communicate(b"over\n")


def _check_reachable(place: str) -> None:
    """Refuses an address at which nobody answers; Ray itself would try for minutes."""
    host, _, port = place.rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=REACHABLE_SECONDS).close()
        except OSError as error:
            raise ParamsError(f"no Ray cluster at {place}: {error.strerror or error}") from None


def _copy_source(folder: Path) -> None:
    """Copies the source files of the working tree, with edits that are not committed, and lists them."""
    for source in ROOT.iterdir():
        if (
            source.is_dir()
            and source.name.isidentifier()
            and source.name not in NO_SOURCE
            and any(source.rglob("*.py"))
        ):
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    remote.list_source(folder)
