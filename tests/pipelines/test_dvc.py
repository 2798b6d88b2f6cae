"""dvc.yaml: each stage runs its module, and depends on the source files that this module runs."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.params import load
from provenance.code_lists import lists
from provenance.source_code import STAGES, files
from tests.loaded import run_program
from tests.pipelines.project import ROOT, change_params, run_in

DVC_STAGES: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]


def test_every_stage_but_the_first_depends_on_its_source_files() -> None:
    first, *others = DVC_STAGES
    assert (first, tuple(others)) == ("check", STAGES)
    for stage in others:
        assert DVC_STAGES[stage]["deps"][0] == f"data/code/{stage}.sha256"


def test_the_first_stage_depends_on_all_source_files_of_the_others() -> None:
    watched = [Path(dependency) for dependency in DVC_STAGES["check"]["deps"]]
    for name in {name for stage in STAGES for name in files(stage)}:
        assert any(Path(name).is_relative_to(dependency) for dependency in watched), name


@pytest.mark.parametrize("stage", DVC_STAGES)
def test_a_stage_runs_the_module_of_its_name(stage: str) -> None:
    assert DVC_STAGES[stage]["cmd"].split() == ["exec", "python", "-m", f"pipelines.{stage}"]


# Libraries are loaded; the project's modules are imported again for each stage, but for tracking: it decides no output.
IMPORTS = """
import sys
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock

sys.modules |= dict.fromkeys(sys.argv.pop(1).split(","), MagicMock())

def own():
    paths = {name: Path(vars(module).get("__file__") or "/") for name, module in sys.modules.items()}
    return {name: path for name, path in paths.items() if path.is_relative_to(Path.cwd()) and ".venv" not in path.parts}

for stage in sys.argv[1:]:
    for name in own():
        del sys.modules[name]
    import_module(f"pipelines.{stage}")
    print(stage, *(path.relative_to(Path.cwd()).as_posix() for path in own().values()))
"""


def test_what_python_imports_for_a_stage_is_among_its_source_files() -> None:
    tracking = ["tracking", *(f"tracking.{path.stem}" for path in (ROOT / "tracking").glob("*.py"))]
    printed = run_program(ROOT, os.environ, IMPORTS, ",".join(tracking), *STAGES)
    assert printed.returncode == 0, printed.stderr
    imported = {stage: set(names) for stage, *names in map(str.split, printed.stdout.splitlines())}
    assert tuple(imported) == STAGES
    for stage, names in imported.items():
        assert f"pipelines/{stage}.py" in names
        assert names <= set(files(stage))


def test_imports_within_functions_and_templates_are_found_and_other_stages_are_not() -> None:
    assert "models/cpu/loops.py" in files("train")
    assert {"analysis/drawing/page.html.jinja", "analysis/report/report.html.jinja"} <= set(files("compare"))
    assert not [name for name in files("download") if name.startswith(("models/", "analysis/"))]
    assert "models/prediction.py" not in files("train")


def test_what_sends_to_mlflow_and_the_pictures_made_for_it_run_no_stage_again() -> None:
    of_analysis = {stage: [name for name in files(stage) if name.startswith("analysis/")] for stage in STAGES}

    assert not [name for stage in STAGES for name in files(stage) if name.startswith("tracking/")]
    assert of_analysis["train"] == []
    assert of_analysis["evaluate"] == ["analysis/comparison/metrics.py"]
    assert not [name for name in of_analysis["reference"] if not name.startswith("analysis/comparison/")]


def test_an_edited_source_file_runs_the_stages_that_import_it_and_no_others(project: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    edited = copy / "core" / "constants.py"  # not beside compiled loops, which would be compiled anew
    edited.write_text(edited.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    again = run_in(copy, "dvc", "repro", "tokenize")
    assert again.returncode == 0, again.stderr
    assert [line for line in again.stdout.splitlines() if line.startswith("Running")] == [
        "Running stage 'check':",
        "Running stage 'tokenize':",
    ]


def test_the_list_of_source_files_is_one_that_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "list").write_text(lists(load(ROOT / "params.yaml"))["train"], encoding="utf-8")
    command = ["sha256sum", "--check", "--strict", "--quiet", str(tmp_path / "list")]  # strict: comments only besides
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_pretraining_trains_again_only_what_starts_from_it(project: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(project, tmp_path / "copy"))
    change_params(copy, {"pretrain.objective": "vectors", "variants.bilstm.start": "pretrain"})
    again = run_in(copy, "dvc", "repro", "match")
    assert again.returncode == 0, again.stderr
    assert [line for line in again.stdout.splitlines() if line.startswith("Running")] == [
        "Running stage 'check':",
        "Running stage 'pretrain':",
        "Running stage 'match':",
    ]
    status = json.loads(run_in(copy, "dvc", "status", "--json").stdout)
    assert {"tune@bilstm", "train@bilstm-1"} <= set(status)
    assert not {"tune@lstm", "train@lstm-1", "evaluate@lstm-1", "reference"} & set(status)
