"""Damaged outputs, and damaged files in DVC's cache: `dvc repro` mends both."""

import random
from pathlib import Path

import pytest

from tests.guarantees.project import Project
from tests.guarantees.test_files import content, damage

OUTPUTS = ("data/raw/train.parquet", "data/tokens/train.arrow", "results/lstm/seed-1/model.safetensors")


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.make(tmp_path_factory.mktemp("reproduced") / "project")
    project.commit()
    done = project.run("dvc", "repro")
    assert done.returncode == 0, done.stderr
    return project


def outputs_of(project: Project) -> dict[str, bytes]:
    return {
        f"{folder}/{name}": digest
        for folder in ("data", "results", "references", "reports")
        for name, digest in content(project.folder / folder).items()
        if name != "comparison.html"  # shows measured times
    }


@pytest.mark.parametrize("kind", ["cut", "flipped"])
def test_damaged_outputs_are_made_anew(kind: str, reproduced: Project) -> None:
    before = outputs_of(reproduced)
    for name in OUTPUTS:
        damage(reproduced.folder / name, kind, random.Random(1))
    done = reproduced.run("dvc", "repro")
    assert done.returncode == 0, done.stderr
    assert outputs_of(reproduced) == before


def test_a_damaged_cache_is_noticed(reproduced: Project) -> None:
    before = outputs_of(reproduced)
    cached = [path for path in (reproduced.folder / ".dvc/cache/files").rglob("*") if path.is_file()]
    for path in cached:
        path.chmod(0o644)
        damage(path, "cut", random.Random(path.name))
    for name in OUTPUTS:
        Path(reproduced.folder / name).unlink()
    done = reproduced.run("dvc", "repro")
    assert done.returncode == 0, done.stderr
    assert outputs_of(reproduced) == before
