"""The examples in the docstrings say what is true."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "analysis").rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_examples_of(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0
