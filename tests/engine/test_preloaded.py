"""A stage that runs in a copy of a process is, to whoever starts it, like a process of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.preloaded import preloaded
from engine.start import ADDRESS
from tests.pipelines.project import ROOT

STAGE = """
import atexit, json, logging.handlers, os, pathlib, random, shutil, signal, sys, tempfile

loaded_by = os.getpid()

# Libraries keep such things until the process that loaded them ends (matplotlib a folder, where HOME is read-only).
left_to_a_handler = tempfile.mkdtemp(prefix="handler-", dir=".")
atexit.register(shutil.rmtree, left_to_a_handler)
left_to_a_finalizer = tempfile.TemporaryDirectory(prefix="finalizer-", dir=".")
left_to_an_object = tempfile.NamedTemporaryFile(prefix="object-", dir=".")

def main():
    print(json.dumps({
        "loaded by": loaded_by, "pid": os.getpid(), "arguments": sys.argv[1:], "folder": os.getcwd(),
        "cores": sorted(os.sched_getaffinity(0)), "word": os.environ.get("WORD"), "drawn": random.random(),
        "read": sys.stdin.readline(),
    }))
    how, = sys.argv[1:]
    if how == "own":
        global folder, late
        folder = tempfile.TemporaryDirectory(prefix="own-", dir=".")
        late = logging.handlers.MemoryHandler(9, target=logging.FileHandler("logged"))
        logging.getLogger().addHandler(late)
        logging.getLogger().warning("logged at the end")
        atexit.register(lambda: print(sorted(path.name[:4] for path in pathlib.Path().glob("own-*"))))
    if how == "code":
        sys.exit(7)
    if how == "message":
        sys.exit("error: the loss is nan")
    if how == "bug":
        raise ValueError("no such film")
    if how == "wait":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            print("waiting", flush=True)
            signal.pause()
        except KeyboardInterrupt:
            sys.exit(130)
        finally:
            print("ended")

if __name__ == "__main__":
    main()
"""
Start = Callable[..., AbstractContextManager[subprocess.Popen[str]]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What starts stages, and a stage that tells what it sees."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pipelines", "models"):
        (folder / name).mkdir()
    for name in ("core/errors.py", "core/command_line.py", "engine/start.py", "engine/preloaded.py"):
        shutil.copy2(ROOT / name, folder / name)
    (folder / "pipelines" / "train.py").write_text(STAGE)
    for name in ("pipelines/evaluate.py", "models/cpu/loops.py"):
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def loaded(project: Path) -> Iterator[Mapping[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("PYTHONPATH", str(project))
        with preloaded() as environment:
            yield environment


@pytest.fixture
def start(project: Path, loaded: Mapping[str, str]) -> Start:
    """Starts the stage with an argument and changes of the environment."""

    @contextmanager
    def run(how: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        everything = os.environ | {"PYTHONPATH": str(project)} | dict(loaded) | environment
        command = [sys.executable, "-m", "engine.start", "pipelines.train", how]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command,
            cwd=project,
            env=everything,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        ) as process:
            yield process

    return run


def finished(process: subprocess.Popen[str], typed: str = "") -> tuple[dict[str, Any], str]:
    """What the stage saw, and what it wrote as an error."""
    out, err = process.communicate(typed)
    return json.loads(out.splitlines()[0]), err


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def wait_for(process: subprocess.Popen[str]) -> int:
    """The process of a stage that has begun to wait."""
    assert process.stdin is not None
    process.stdin.close()
    seen = json.loads(line(process))
    assert line(process) == "waiting\n"
    while not passes_on(process, signal.SIGTERM):
        os.sched_yield()  # the stage may be there first; until then a signal ends who started it, and thereby the stage
    return int(seen["pid"])


def passes_on(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether the process has a handler for this signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def test_a_stage_has_the_files_the_folder_the_environment_and_the_cores_of_who_started_it(
    start: Start, project: Path
) -> None:
    before = os.sched_getaffinity(0)
    core = min(before)
    os.sched_setaffinity(0, {core})
    try:
        with start("on", WORD="‘film’") as process:
            seen, err = finished(process, "typed\n")
    finally:
        os.sched_setaffinity(0, before)
    assert seen["cores"] == [core]
    assert (seen["folder"], seen["word"], seen["read"]) == (str(project), "‘film’", "typed\n")
    assert (seen["arguments"], err, process.returncode) == (["on"], "", 0)


def test_stages_are_loaded_once_and_run_in_processes_of_their_own(start: Start) -> None:
    with start("on") as one, start("on") as other:
        first, second = finished(one)[0], finished(other)[0]
    assert first["loaded by"] == second["loaded by"] not in (first["pid"], second["pid"])
    assert first["pid"] != second["pid"]
    assert first["drawn"] != second["drawn"]


@pytest.mark.parametrize(("how", "code", "last"), [
    ("code", 7, ""), ("message", 1, "error: the loss is nan"), ("bug", 1, "ValueError: no such film"),
])  # fmt: skip
@pytest.mark.parametrize("where", ["in a copy", "by itself"])
def test_an_end_is_told_as_it_is(start: Start, how: str, code: int, last: str, where: str) -> None:
    with start(how, **({} if where == "in a copy" else {ADDRESS: "nobody/is/here"})) as process:
        seen, err = finished(process)
    assert (seen["loaded by"] == seen["pid"] == process.pid) == (where == "by itself")
    assert (process.returncode, err.strip().rpartition("\n")[2]) == (code, last)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_reaches_the_stage(start: Start, number: signal.Signals, code: int) -> None:
    with start("wait") as process:
        wait_for(process)
        process.send_signal(number)
        assert line(process) == "ended\n"
        assert process.wait() == code


def test_a_killed_stage_is_no_success(start: Start) -> None:
    with start("wait") as process:
        os.kill(wait_for(process), signal.SIGKILL)
        assert process.wait() == 128 + signal.SIGKILL


def test_a_stage_ends_in_order_when_who_started_it_is_killed(start: Start) -> None:
    with start("wait") as process:
        wait_for(process)
        process.kill()
        assert line(process) == "ended\n"
        assert line(process) == ""  # nobody is left who could write


def test_a_stage_removes_no_temporary_files_of_the_process_that_loaded_it(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("handler-*", "finalizer-*", "object-*"))

    def kept() -> list[str]:
        return sorted(path.name.partition("-")[0] for path in folder.glob("*-*"))

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(folder))
        with preloaded() as environment:
            for how in ("on", "bug", "code", "on"):
                command = [sys.executable, "-m", "engine.start", "pipelines.train", how]
                done = subprocess.run(
                    command, env=os.environ | environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                    check=False,
                )  # fmt: skip
                assert (how == "bug") == bool(done.stderr), done.stderr
                assert kept() == ["finalizer", "handler", "object"]
    assert kept() == []


@pytest.mark.parametrize("where", ["in a copy", "by itself"])
def test_a_stage_runs_the_exit_handlers_of_its_own(start: Start, project: Path, where: str) -> None:
    with start("own", **({} if where == "in a copy" else {ADDRESS: "nobody/is/here"})) as process:
        out, err = process.communicate("")
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[1:] == ["['own-']"]  # whose finalizer runs after it, since it was registered before
    assert not list(project.glob("own-*"))
    assert (project / "logged").read_text() == "logged at the end\n"
    (project / "logged").unlink()


def test_a_stage_whose_output_cannot_be_written_is_no_success(project: Path, loaded: Mapping[str, str]) -> None:
    environment = os.environ | {"PYTHONPATH": str(project)} | dict(loaded)
    codes = []
    for module in (["engine.start", "pipelines.train"], ["pipelines.train"]):
        with Path("/dev/full").open("w") as full:
            command = [sys.executable, "-m", *module, "on"]
            done = subprocess.run(
                command, cwd=project, env=environment, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                check=False,
            )  # fmt: skip
        codes.append(done.returncode)
    in_a_copy, by_itself = codes
    assert in_a_copy == by_itself != 0


def test_where_the_stages_cannot_be_loaded_each_shows_why(project: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(project, tmp_path / "project"))
    (folder / "pipelines" / "train.py").write_text("import no_such_library")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(folder))
        with preloaded() as environment:
            command = [sys.executable, "-m", "engine.start", "pipelines.train"]
            done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("No module named 'no_such_library'\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_who_has_closed_a_standard_stream_runs_the_stage_itself(
    project: Path, loaded: Mapping[str, str], closed: str, tmp_path: Path
) -> None:
    environment = os.environ | {"PYTHONPATH": str(project)} | dict(loaded)
    command = f'exec "{sys.executable}" -m engine.start pipelines.train code {closed} 2>"{tmp_path}/errors"'
    done = subprocess.run(["/bin/sh", "-c", command], cwd=project, env=environment, capture_output=True, check=False)
    alone = command.replace("engine.start pipelines.train", "pipelines.train")
    as_ever = subprocess.run(["/bin/sh", "-c", alone], cwd=project, env=environment, capture_output=True, check=False)
    assert done.returncode == as_ever.returncode != 143


def test_where_no_socket_can_be_made_stages_load_for_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 30)  # a socket's name has room for about 100 characters
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with preloaded() as environment:
        assert environment == {}
