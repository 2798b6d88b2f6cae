"""One run of the whole pipeline, which tests look at or copy."""

from pathlib import Path

import pytest

from tests.once import made_once
from tests.pipelines.project import copy_project, run_in


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after `dvc repro` of small data; not to be changed."""

    def make(folder: Path) -> None:
        copy_project(folder, {})
        assert run_in(folder, "dvc", "init", "--force", "--quiet").returncode == 0
        result = run_in(folder, "dvc", "repro")
        assert result.returncode == 0, result.stdout + result.stderr

    return made_once(tmp_path_factory, "whole", make)
