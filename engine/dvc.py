"""Calls DVC's command line: runs the pipeline up to the trainings, and records the outputs of the workers."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ruamel.yaml import YAML

from core import file_io
from core.command_line import Terminated
from core.errors import TrainingError, UserError

WAIT_FOR_LOCK = "--wait-for-lock"  # while another DVC reads or writes dvc.lock
DVC = [sys.executable, "-m", "dvc", WAIT_FOR_LOCK]
LOCK_FILE = Path("dvc.lock")
ACCESSES = Path(".dvc/tmp/rwlock")  # which process reads or writes which path; DVC writes it in place
ENTRIES_BEFORE = Path("checkpoints/run.before")  # the names of dvc.lock's entries when a run began
MENDS = {  # DVC's words for a folder that it cannot work in, such as an unpacked archive, and what to do
    "is not a git repository": "is not a git repository, which DVC needs: git init",
    "not inside of a DVC repository": "has no folder .dvc, which DVC needs: dvc init",
}
# The command `python` of the stages that `reproduce_others` runs. `exec` leaves no shell between DVC and the stage,
# which otherwise would not notice that DVC was killed.
PYTHON = """#!/bin/sh
echo "$DVC_STAGE" >> {noted}
case "${{DVC_STAGE%%@*}}" in {left_out}) exit 1 ;; esac
echo "Running stage '$DVC_STAGE':"
PATH={path} exec {python} "$@"
"""


class Reproduced(NamedTuple):
    """The result of a `dvc repro` that leaves out some stages.

    Attributes:
        due: the stages that it left out although they are out of date
        complete: whether the whole pipeline is up to date
    """

    due: list[str]
    complete: bool


def reproduce_others(
    left_out: Collection[str], options: Sequence[str] = (), at_first_stage: Callable[[], None] | None = None
) -> Reproduced:
    """Runs a real `dvc repro` of the pipeline in which stages of the kinds `left_out` do not run.

    The same call finds out which stages are due. DVC takes a stage's outputs from its run-cache where it can. If it
    would run a stage that is left out, that stage's command `python` only notes the stage's name. (`dvc repro --dry`
    would compare with the inputs in dvc.lock, not with the present ones.)

    Args:
        left_out: kinds of stages, such as train
        options: of `dvc repro`, such as --pull
        at_first_stage: called once, when the first stage is due

    Raises:
        TrainingError: another stage failed.
        UserError: DVC cannot work here.
    """
    with TemporaryDirectory() as folder:
        python, noted = Path(folder, "python"), Path(folder, "noted")
        noted.touch()
        path = os.environ["PATH"]
        words = {"noted": noted, "path": path, "python": sys.executable}
        script = PYTHON.format(left_out="|".join(left_out), **{name: shlex.quote(str(w)) for name, w in words.items()})
        python.write_text(script, encoding="utf-8")
        python.chmod(0o700)
        environment = os.environ | {"PATH": f"{folder}{os.pathsep}{path}"}

        def look() -> None:
            nonlocal at_first_stage
            if at_first_stage is not None and noted.stat().st_size:
                at_first_stage()
                at_first_stage = None

        code = _run("repro", "--quiet", "--keep-going", *options, environment=environment, meanwhile=look)
        stages = noted.read_text(encoding="utf-8").split()
    due = [stage for stage in stages if stage.partition("@")[0] in left_out]
    if code and not due:
        if stages:
            raise TrainingError(f"the stage {stages[-1]} failed; the lines above say why")
        _explain()
    return Reproduced(due, complete=code == 0)


def default_remote() -> str:
    """The name of the remote that `--pull` reads; "" if there is none."""
    asked = subprocess.run([*DVC, "config", "core.remote"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def _explain() -> None:
    """Raises an error with DVC's reason for not starting any stage in this folder."""
    done = subprocess.run([*DVC, "status"], capture_output=True, text=True, check=False)
    for problem, mend in MENDS.items():
        if problem in done.stderr:
            raise UserError(f"{Path.cwd()} {mend}")
    print(done.stderr, end="", file=sys.stderr)
    raise UserError("dvc repro failed" + ("; the lines above say why" if done.stderr else ": dvc repro --verbose"))


def repro(*arguments: str) -> None:
    """`dvc repro` in the foreground.

    Raises:
        TrainingError: a stage failed.
    """
    sys.stdout.flush()
    if _run("repro", *arguments):
        raise TrainingError(f"{' '.join(['dvc', 'repro', *arguments])} failed; the lines above say why")


def _run(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> int:
    """DVC's exit code. Ctrl-C and SIGTERM reach DVC and its stage exactly once; both end if this process is killed."""
    command = [sys.executable, "-m", "engine.watched_dvc", f"{os.getpid()}", WAIT_FOR_LOCK, *arguments]
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            while meanwhile is not None and process.poll() is None:
                meanwhile()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.1)
            return process.wait()
        except KeyboardInterrupt as stop:
            os.killpg(process.pid, signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
            process.wait()
            raise


def discard_broken_accesses() -> None:
    """Deletes DVC's list of readers and writers if a kill of DVC broke it: DVC refuses to run with a broken one."""
    if _is_broken(ACCESSES):
        time.sleep(0.5)  # time for a DVC that is writing it at this moment
        if _is_broken(ACCESSES):
            ACCESSES.unlink()


def _is_broken(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return True
    except FileNotFoundError:
        return False
    return False


def start_commit(stages: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Records the outputs of `stages` as they are now; what DVC says comes out of the process's stdout."""
    return subprocess.Popen(
        [*DVC, "commit", "--quiet", "--force", *stages],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def forget(stages: Sequence[str], before: str) -> None:
    """Undoes the recording of `stages`: dvc.lock gets their entries of its text `before`, the run-cache loses them."""
    if not stages:
        return
    yaml = YAML(typ="safe", pure=True)
    old, text = _entries(before), LOCK_FILE.read_text(encoding="utf-8")
    wrong = []
    for name, entry in _entries(text).items():
        if name in stages:
            wrong.append(yaml.load(entry)[name])
            text = text.replace(entry, old.get(name, ""))
    with file_io.whole(LOCK_FILE) as path:
        path.write_text(text, encoding="utf-8")
    cache = subprocess.run([*DVC, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    for file in (Path(cache) / "runs").glob("*/*/*"):  # each holds what dvc.lock has of one stage
        if yaml.load(file) in wrong:
            file.unlink()
            with suppress(OSError):  # the run-cache has other outputs of the same inputs
                file.parent.rmdir()  # DVC fails on an empty folder


@contextmanager
def in_order(stages: Sequence[str]) -> Iterator[None]:
    """Puts the entries that the block adds to dvc.lock into the order of `stages`, as `dvc repro` would.

    DVC appends an entry when it is recorded, and which training ends first is a matter of chance. The entries of a
    block that was interrupted are sorted with those of the next one.
    """
    if not ENTRIES_BEFORE.exists():
        with file_io.whole(ENTRIES_BEFORE) as path:
            path.write_text("\n".join(_entries(_lock_text())), encoding="utf-8")
    try:
        yield
    finally:
        sort_lock_file(ENTRIES_BEFORE.read_text(encoding="utf-8").split("\n"), stages)
    ENTRIES_BEFORE.unlink()


def sort_lock_file(before: Collection[str], stages: Sequence[str]) -> None:
    """Sorts the entries whose names are not in `before` into the order of `stages`."""
    if not (text := _lock_text()):
        return
    order = {name: number for number, name in enumerate(stages)}
    entries = _entries(text)
    added = sorted(entries.keys() - before, key=lambda name: order.get(name, len(order)))
    head = text[: len(text) - sum(map(len, entries.values()))]
    names = [*(name for name in entries if name in before), *added]
    with file_io.whole(LOCK_FILE) as path:
        path.write_text(head + "".join(entries[name] for name in names), encoding="utf-8")


def _lock_text() -> str:
    return LOCK_FILE.read_text(encoding="utf-8") if LOCK_FILE.exists() else ""


def _entries(text: str) -> dict[str, str]:
    """The stages of a lock file with their lines, in their order."""
    _, *blocks = re.split(r"^(?=  \S)", text, flags=re.MULTILINE)
    return {block[: block.index(":\n")].strip(): block for block in blocks}
