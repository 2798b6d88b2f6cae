"""dvc.yaml names every source file, param and output that a stage touches."""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STAGES: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]


def imported(path: Path) -> set[Path]:
    """The project's own files that `path` imports, anywhere in it, and those that they import."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for node in ast.walk(ast.parse(current.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            files = (ROOT / (name.replace(".", "/") + ".py") for name in names)
            waiting += [file for file in files if file.exists()]
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_source_file_that_it_runs_and_on_no_other(stage: str) -> None:
    needed = {path.relative_to(ROOT).as_posix() for path in imported(ROOT / "pipelines" / f"{stage}.py")}
    named = {dependency for dependency in STAGES[stage]["deps"] if dependency.endswith(".py")}
    assert named == needed


def test_the_report_depends_on_its_templates() -> None:
    assert {"analysis/page.html.jinja", "analysis/report.html.jinja"} <= set(STAGES["compare"]["deps"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_the_module_of_its_name(stage: str) -> None:
    assert STAGES[stage]["cmd"].split()[:4] == ["exec", "python", "-m", f"pipelines.{stage}"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_dependency_that_is_no_output_is_there(stage: str) -> None:
    made = ("data/", "results", "reports/")
    for dependency in STAGES[stage]["deps"]:
        assert dependency.startswith(made) or (ROOT / dependency).exists(), dependency
