"""A project of quick stages whose trainings ran at the same time; nobody changes it."""

import shutil
from pathlib import Path

import pytest

from tests.engine.stand_ins import GRID, make_project
from tests.once import made_once
from tests.pipelines.project import run_in


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose grid ran at the same time."""

    def make(folder: Path) -> None:
        changes = {"compare.variants": ["lstm", "bilstm"], "compare.seeds": [3, 1]}
        make_project(folder, changes, also=("download", "tokenize"))
        result = run_in(folder, *GRID)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "bilstm-1  │ stage train" in result.stdout
        assert "reference │ stage reference" in result.stdout

    return made_once(tmp_path_factory, "grid", make)


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "project"))
