"""The packages in layers: each imports only itself and those before it; libraries stay where they belong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.source_code import imported_modules

ROOT = Path(__file__).parents[1]
LAYERS = (
    *("core", "config", "tuning", "text", "models", "analysis", "provenance", "outputs", "predictor"),
    *("tracking", "serving", "pipelines", "engine", "commands"),
)
ONLY_IN = {"torchtext": "text", "mlflow": "tracking", "optuna": "tuning", "ray": "engine"}


def source_files(package: str) -> Iterator[Path]:
    yield from sorted((ROOT / package).rglob("*.py"))


def imported_packages(path: Path) -> set[str]:
    return {module.partition(".")[0] for module in imported_modules(path)}


def test_every_package_has_its_layer() -> None:
    packages = {path.parent.name for path in ROOT.glob("[a-z]*/*.py")} | {"analysis"}  # which holds folders only
    assert packages - {"benchmarks", "recipes", "tests"} == set(LAYERS)


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_only_those_before_it(package: str) -> None:
    later = set(LAYERS[LAYERS.index(package) + 1 :])
    upward = {str(path): imported_packages(path) & later for path in source_files(package)}
    assert not {path: packages for path, packages in upward.items() if packages}


@pytest.mark.parametrize("library", ONLY_IN)
def test_only_one_package_imports_the_library(library: str) -> None:
    importing = {package for package in LAYERS for path in source_files(package) if library in imported_packages(path)}
    assert importing == {ONLY_IN[library]}


def test_analysis_does_not_import_torch() -> None:
    assert not [path for path in source_files("analysis") if "torch" in imported_packages(path)]
