"""What a test sets for its whole process and the next one would find."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is no property: beside other work each may take long.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# A job in the background ignores Ctrl-C, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Without a GPU Triton interprets kernels; it reads this when it is imported, as torch does at times.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(autouse=True)
def _denormals_count_again() -> Iterator[None]:
    """A stage flushes them for speed (models/machine.py); Hypothesis draws them, and wants them to be numbers."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(autouse=True, scope="module")
def _module_forgets_its_store() -> Iterator[None]:
    """As below, for what the fixtures of a module set."""
    with _same_store():
        yield


@pytest.fixture(autouse=True)
def _test_forgets_its_store() -> Iterator[None]:
    """MLflow's set_tracking_uri also sets a variable, for the programs that a later test starts."""
    with _same_store():
        yield


@contextmanager
def _same_store() -> Iterator[None]:
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield
    if before is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = before
