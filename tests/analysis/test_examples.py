"""The examples in the docstrings say what is true."""

import doctest
import importlib
from pathlib import Path

import pytest

MODULES = sorted(path.stem for path in (Path(__file__).parents[2] / "analysis").glob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_examples_of(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"analysis.{module}")).failed == 0
