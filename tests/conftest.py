"""What a test sets for its whole process and the next one would find."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _denormals_count_again() -> Iterator[None]:
    """A stage flushes them for speed (models/machine.py); Hypothesis draws them, and wants them to be numbers."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
