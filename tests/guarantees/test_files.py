"""Files are whole or absent, and damage is named: docs/guarantees.md, promise 2."""

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import params
from config.tokenize import TokenizeParams
from core import file_io
from core.checksums import checksum
from core.errors import DataError
from pipelines import compare, evaluate
from pipelines.tokenize import make_tokens
from tests.guarantees.project import Project

OUTPUTS = {
    "download": Path("data/raw"),
    "tokenize": Path("data/tokens"),
    "train": Path("results/lstm/seed-1"),
    "evaluate": Path("results/lstm/seed-1"),
    "compare": Path("reports"),
}


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def mount(tmp_path: Path) -> Iterator["Mount"]:
    mount = Mount(tmp_path / "disk")
    yield mount
    mount.leave()


class Mount:
    """A small disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False

    def make(self, kilobytes: int) -> Path:
        self.folder.mkdir()
        self._mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs")
        return self.folder

    def fill(self) -> None:
        """Takes all its space."""
        free = os.statvfs(self.folder)
        with (self.folder / "filler").open("wb") as file:
            file.write(bytes(free.f_bavail * free.f_frsize))

    def freeze(self) -> None:
        """Makes it read-only."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)

    def leave(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def _mount(self, *arguments: str) -> None:
        done = subprocess.run(["mount", *arguments, str(self.folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a disk of its own cannot be mounted here: {done.stderr.strip()}")
        self.mounted = True


def fill_or_freeze(project: Project, mount: Mount, kind: str) -> Project:
    """Puts the project on a disk, and then takes its space away, or the right to write."""
    disk = mount.make(20_000)
    subprocess.run(["cp", "-a", str(project.folder), str(disk / "project")], check=True)
    mount.fill() if kind == "full" else mount.freeze()
    return Project(disk / "project", {"DVC_ROOT": str(project.folder), "TMPDIR": str(project.folder)})


@pytest.mark.parametrize("kind", ["full", "read-only"])
@pytest.mark.parametrize("stage", ["download", "tokenize", "evaluate", "compare"])
def test_a_disk_that_takes_nothing_is_named_and_what_was_there_stays(
    stage: str, kind: str, project: Project, mount: Mount
) -> None:
    hampered = fill_or_freeze(project, mount, kind)
    before = content(hampered.folder / OUTPUTS[stage])
    done = hampered.run(f"pipelines.{stage}", DVC_STAGE=f"{stage}@lstm-1")
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert "cannot be written: " in errors[0]
    assert "Traceback" not in done.stderr
    assert content(hampered.folder / OUTPUTS[stage]) == before
    assert not list(hampered.folder.rglob("*.part"))


def damage(path: Path, kind: str, generator: random.Random) -> None:
    """Cuts the file somewhere, or flips one of its bits."""
    content = bytearray(path.read_bytes())
    if kind == "cut":
        del content[generator.randrange(len(content)) :]
    else:
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    path.unlink()  # not into a hard link
    path.write_bytes(content)


READ_BY: dict[str, Callable[[], object]] = {
    "data/raw/train.parquet": lambda: make_tokens(TokenizeParams()),
    "data/raw/test.parquet": lambda: compare.compare(params.load()),
    "data/tokens/test.arrow": lambda: evaluate.evaluate(params.load(), "lstm", 1),
    "results/lstm/seed-1/model.safetensors": lambda: evaluate.evaluate(params.load(), "lstm", 1),
    "results/lstm/seed-1/predictions.parquet": lambda: compare.compare(params.load()),
}


def check_damage(project: Project, name: str, kind: str, seed: int) -> None:
    """Damages the file, and expects its reader to name it, or to find the same as if it were whole."""
    path = Path(name)
    whole = path.read_bytes()
    before = content(Path("reports"))
    damage(path, kind, random.Random(f"{name} {kind} {seed}"))
    try:
        READ_BY[name]()
    except DataError as error:
        assert name in str(error)
        assert "\n" not in str(error)
    else:
        # Some bytes of a Parquet file mean nothing to the reader, such as the name of the program that wrote it.
        assert name.endswith(".parquet")
        assert content(Path("reports")) == before
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("kind", ["cut", "flipped"])
@pytest.mark.parametrize("name", READ_BY)
def test_a_damaged_file_is_named_by_who_reads_it(
    name: str, kind: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("DVC_ROOT", str(project.folder))
    for seed in range(3):
        check_damage(project, name, kind, seed)


def test_the_training_refuses_a_damaged_token_store(project: Project) -> None:
    path = project.folder / "data/tokens/train.arrow"
    damage(path, "flipped", random.Random(1))
    done = project.run("pipelines.train", "--variant", "lstm", "--seed", "1")
    assert done.returncode == 1
    assert "error: data/tokens/train.arrow is damaged: " in done.stderr


def test_a_signal_between_the_two_names_of_a_folder_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "before").touch()
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if target == folder and path.name.endswith("part"):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), file_io.whole_folder(folder) as made:
        (made / "after").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["folder", "folder/before"]


def test_a_file_of_an_older_state_is_no_file_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    path.write_bytes(b"old")
    checksums = {"x.arrow": checksum(path)}
    assert file_io.verified(path, checksums) == path
    path.write_bytes(b"new")
    with pytest.raises(DataError, match=r"x\.arrow is damaged"):
        file_io.verified(path, checksums)
    path.unlink()
    assert file_io.verified(path, checksums) == path  # who opens it says who makes it
