"""`python -m commands.affected`: the stages that run again after an edit."""

from pathlib import Path

import pytest

from commands.affected import affected
from core.errors import ParamsError
from provenance import source_code


def test_a_file_shows_the_stages_that_import_it_directly_or_not() -> None:
    assert affected([Path("text/batches.py")])["text/batches.py"] == [
        *("pretrain", "match", "tune", "train", "evaluate", "settings")
    ]


def test_a_folder_stands_for_its_modules() -> None:
    stages = affected([Path("text")])
    assert all(file.startswith("text/") for file in stages)
    assert stages["text/synthetic/reviews.py"] == ["download"]


@pytest.mark.parametrize("folder", ["tracking", "commands", "engine", "predictor", "serving", "tests"])
def test_nothing_runs_again_after_an_edit_of_what_no_output_depends_on(folder: str) -> None:
    assert not any(affected([Path(folder)]).values())


def test_a_file_that_stages_read_without_importing_it_is_shown_too() -> None:
    template = "analysis/report/report.html.jinja"
    assert affected([Path(template)]) == {template: ["compare"]}


def test_a_file_that_is_no_source_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"^params\.yaml is no source file; allowed: files that end in .py or .jinja"):
        affected([Path("params.yaml")])


def test_a_folder_shows_templates_too() -> None:
    assert "analysis/report/report.html.jinja" in affected([Path("analysis/report")])


def test_the_files_of_a_stage_are_those_that_show_it() -> None:
    stages = affected([source_code.ROOT / name for name in ("analysis", "config", "core", "models", "outputs", "text")])
    shown = {file for file, names in stages.items() if "train" in names}
    assert shown == {file for file in source_code.files("train") if file in stages}


@pytest.mark.parametrize("path", ["text/missing.py", "/"])
def test_a_path_outside_the_project_is_an_error(path: str) -> None:
    with pytest.raises(ParamsError, match="is not in this project; allowed: its files and folders"):
        affected([Path(path)])
