"""What plain `dvc repro` leaves of real trainings, for the tests that compare another run with it."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.once import made_once
from tests.pipelines.project import copy_project, run_in

MADE = ("data/tokens", "data/evaluated", "results", "references", "reports/comparison.json", "dvc.lock")
# Once, a training kills the process that started it, after its third step; not while {mark} exists.
KILL = """
_save = Checkpoints.save

def _save_and_kill(self, step, state):
    import psutil, signal
    _save(self, step, state)
    mark = Path({mark!r})
    if step == 3 and not mark.exists():
        mark.touch()
        psutil.Process().parent().kill()
        signal.pause()

Checkpoints.save = _save_and_kill
"""


class Reference(NamedTuple):
    """A finished project; its code kills once if `mark` is removed."""

    folder: Path
    mark: Path


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """2 variants × 2 seeds, after `dvc repro`."""

    def make(folder: Path) -> None:
        folder.with_name("killed").touch()
        changes = {"compare.variants": ["lstm", "bilstm"], "compare.seeds": [1, 2], "train.checkpoint_steps": 1}
        copy_project(folder, changes)
        with (folder / "outputs" / "checkpoints.py").open("a") as file:
            file.write(KILL.format(mark=str(folder.with_name("killed"))))
        assert run_in(folder, "dvc", "init", "--force", "--quiet").returncode == 0
        result = run_in(folder, "dvc", "repro")
        assert result.returncode == 0, result.stdout + result.stderr

    folder = made_once(tmp_path_factory, "reference", make)
    return Reference(folder, folder.with_name("killed"))


def without_results(reference: Reference, project: Path) -> Path:
    """A copy in which nothing was run yet."""
    shutil.copytree(reference.folder, project)
    for name in (
        "data",
        "results",
        "references",
        "reports",
        "checkpoints",
        "measurements",
        "mlartifacts",
        ".dvc/cache",
        ".dvc/tmp",
    ):
        shutil.rmtree(project / name, ignore_errors=True)
    for path in [project / "dvc.lock", *project.glob("mlflow.db*")]:
        path.unlink()
    return project


def contents(project: Path) -> dict[str, bytes]:
    """The outputs of DVC's stages and dvc.lock, by path."""
    return dict(_files(project))


def _files(project: Path) -> Iterator[tuple[str, bytes]]:
    for name in MADE:
        for path in [project / name] if (project / name).is_file() else (project / name).rglob("*"):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(project).parts):
                yield path.relative_to(project).as_posix(), path.read_bytes()


def finished_runs(project: Path) -> dict[str, int]:
    """How many finished runs of each kind MLflow has."""
    query = "select value, count(*) from tags join runs using (run_uuid) where key = 'kind' and status = 'FINISHED'"
    with sqlite3.connect(project / "mlflow.db") as store:
        return dict(store.execute(f"{query} group by value").fetchall())
