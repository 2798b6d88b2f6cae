"""Real results through a DVC remote: the clone trains nothing, and has the report and MLflow's runs."""

import shutil
from pathlib import Path

from tests.commands.test_sharing import call, publish
from tests.engine.stand_ins import ran
from tests.pipelines.project import run_in
from tests.torture.conftest import Reference, contents, finished_runs


def test_a_clone_trains_nothing_and_shows_the_same(reference: Reference, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(reference.folder, project, symlinks=True)
    call(project, "dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    publish(project)
    clone = tmp_path / "clone"
    call(tmp_path, "git", "clone", "--quiet", str(project), str(clone))
    call(clone, "dvc", "pull", "--run-cache")
    result = run_in(clone, "python", "-m", "commands.run")
    assert (result.returncode, ran(result)) == (0, set()), result.stderr
    call(clone, "python", "-m", "pipelines.compare")  # as make run does where the report is missing
    assert contents(clone) == contents(reference.folder)
    assert (clone / "reports/comparison.html").exists()
    call(clone, "python", "-m", "commands.restore")
    assert finished_runs(clone) == finished_runs(project)
