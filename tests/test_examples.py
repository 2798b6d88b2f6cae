"""The examples in the docstrings say what is true."""

import doctest
import importlib
from pathlib import Path

import pytest

from tests.test_layers import LAYERS, source_files

ROOT = Path(__file__).parents[1]
PATHS = [path for package in LAYERS for path in source_files(package) if ">>> " in path.read_text(encoding="utf-8")]
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in PATHS]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of(module: str) -> None:
    results = doctest.testmod(importlib.import_module(module))
    assert results.attempted
    assert results.failed == 0
