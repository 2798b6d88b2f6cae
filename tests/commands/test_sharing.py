"""Results through a DVC remote: what one has trained, nobody trains again; docs/sharing.md has the commands."""

import shutil
from pathlib import Path

from tests.engine.stand_ins import GRID, ran
from tests.pipelines.project import change_params, run_in

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@b")


def call(folder: Path, *command: str) -> None:
    result = run_in(folder, *command)
    assert result.returncode == 0, result.stdout + result.stderr


def publish(folder: Path) -> None:
    call(folder, "git", "add", "--all")
    call(folder, "git", *AUTHOR, "commit", "--quiet", "--message", "results")
    call(folder, "dvc", "push", "--run-cache")


def test_a_clone_trains_only_what_nobody_has_trained(project: Path, tmp_path: Path) -> None:
    call(project, "dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    publish(project)
    clone = tmp_path / "clone"
    call(tmp_path, "git", "clone", "--quiet", str(project), str(clone))
    call(clone, "dvc", "pull", "--run-cache")
    nothing_new = run_in(clone, *GRID)
    assert (nothing_new.returncode, ran(nothing_new)) == (0, set()), nothing_new.stderr
    for name in ("reports/comparison.json", "dvc.lock"):
        assert (clone / name).read_bytes() == (project / name).read_bytes()

    change_params(clone, {"compare.seeds": [3, 1, 4]})
    one_more_seed = run_in(clone, *GRID)
    new = {f"{stage}@{variant}-4" for stage in ("train", "evaluate") for variant in ("lstm", "bilstm")}
    assert ran(one_more_seed) == {"check", "tune@lstm", "tune@bilstm", *new, "compare"}
    publish(clone)

    apart = Path(shutil.copytree(project, tmp_path / "apart", symlinks=True))  # nobody sends it the dvc.lock
    change_params(apart, {"compare.seeds": [3, 1, 4]})
    from_the_run_cache = run_in(apart, *GRID, "--pull")
    assert (from_the_run_cache.returncode, ran(from_the_run_cache)) == (0, set()), from_the_run_cache.stderr
    assert (apart / "dvc.lock").read_bytes() == (clone / "dvc.lock").read_bytes()

    call(project, "git", "pull", "--quiet", str(clone), "HEAD")
    call(project, "dvc", "pull", "--run-cache")
    of_the_colleague = run_in(project, *GRID)
    assert (of_the_colleague.returncode, ran(of_the_colleague)) == (0, set()), of_the_colleague.stderr
    assert (project / "dvc.lock").read_bytes() == (clone / "dvc.lock").read_bytes()

    change_params(project, {"compare.seeds": [3, 1, 4, 5]})
    beside_the_colleague = run_in(project, *GRID)
    own = {f"{stage}@{variant}-5" for stage in ("train", "evaluate") for variant in ("lstm", "bilstm")}
    assert ran(beside_the_colleague) == {"check", "tune@lstm", "tune@bilstm", *own, "compare"}
