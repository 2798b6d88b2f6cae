"""A project whose pipeline has run, made once for a whole test session; tests get copies of it."""

import shutil
from pathlib import Path

import pytest

from tests.guarantees.project import Project, stage_of_lstm
from tests.once import made_once


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All stages have run, without DVC."""

    def make(folder: Path) -> None:
        project = Project.make(folder / "project")
        first = ("check", "download", "tokenize", "pretrain", "match")
        for stage in (*first, "tune", "train", "evaluate", "reference", "compare"):
            done = project.run(f"pipelines.{stage}", DVC_STAGE=stage_of_lstm(stage))
            assert done.returncode == 0, done.stderr

    return Project(made_once(tmp_path_factory, "finished", make) / "project")


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of its own."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder)
    return Project(folder)
