"""A checkout's virtual environment works after a move, and in a copy, without a network; by the real Makefile."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
WHEEL = {
    "where.py": "import sys\n\ndef main() -> None:\n    print(sys.prefix, *sys.argv[1:])\n",
    "where-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: where\nVersion: 1\n",
    "where-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "where-1.dist-info/entry_points.txt": "[console_scripts]\nwhere = where:main\n",
    "where-1.dist-info/RECORD": "",
}
TARGETS = """
by-make: $(READY)
	@where by make
activated: $(READY)
	@PATH=/usr/bin:/bin && . .venv/bin/activate && where activated
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the Makefile, whose environment holds one package with one command, `where`."""
    folder = tmp_path_factory.mktemp("environment") / "checkout"
    (folder / "core").mkdir(parents=True)
    for name in ("environment.py", "replacing.py"):
        shutil.copy(ROOT / "core" / name, folder / "core")
    (folder / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8") + TARGETS, encoding="utf-8")
    (folder / "requirements.txt").write_text("where\n")
    (folder / "constraints.txt").write_text("where==1\n")
    with ZipFile(folder.parent / "where-1-py3-none-any.whl", "w") as wheel:
        for name, content in WHEEL.items():
            wheel.writestr(name, content)
    assert make(folder, "by-make") == f"{folder}/.venv by make"
    return folder


def environment(folder: Path) -> Mapping[str, str]:
    base = Path(sys.base_prefix) / "bin"
    # The suite itself may run under make, whose variables make another one print the folders that it enters.
    outer = ("VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    hidden = {name: value for name, value in os.environ.items() if name not in outer}
    # The package can be had while the environment is made, and never again.
    links = folder.parent if folder.name == "checkout" else folder
    return hidden | {"PATH": f"{base}:/usr/bin:/bin", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links)}


def make(folder: Path, target: str) -> str:
    """The last line that `make` prints."""
    done = run(folder, "make", target)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["moved", "50% done, #1 at l'été"])
def test_after_a_move_make_and_activate_use_the_environment_where_it_is_now(
    made: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name / "project"
    shutil.copytree(made, tmp_path / "checkout", symlinks=True)
    folder.parent.mkdir()
    (tmp_path / "checkout").rename(folder)
    assert make(folder, "by-make") == f"{folder}/.venv by make"
    assert make(folder, "activated") == f"{folder}/.venv activated"


def test_a_command_runs_the_environment_that_it_lies_in_though_nothing_was_mended(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made, copy, symlinks=True)
    assert run(copy, str(copy / ".venv/bin/where"), "a b", "").stdout == f"{copy}/.venv a b \n"


@pytest.mark.parametrize(
    "head", ["#!{old}/bin/python3\n", "#!/bin/sh\n'''exec' \"{old}/bin/python\" \"$0\" \"$@\"\n' '''\n"]
)
def test_commands_with_the_path_of_a_folder_that_is_gone_are_mended_by_make(
    made: Path, tmp_path: Path, head: str
) -> None:
    """As pip writes them, and as environments hold them that were made before this was taken care of."""
    folder = tmp_path / "moved"
    shutil.copytree(made, folder, symlinks=True)
    (folder / ".venv/.ready").write_text("")
    command = folder / ".venv/bin/where"
    command.write_text(head.format(old="/gone/my checkout/.venv") + "from where import main\nmain()\n")
    assert run(folder, "sh", "-c", ".venv/bin/where").returncode == 127  # not found
    assert make(folder, "by-make") == f"{folder}/.venv by make"


def test_an_environment_that_is_where_it_was_made_is_left_alone(made: Path) -> None:
    before = (made / ".venv/bin/activate").stat().st_mtime_ns
    assert "Setting up" not in run(made, "make", "by-make").stdout
    assert (made / ".venv/bin/activate").stat().st_mtime_ns == before
