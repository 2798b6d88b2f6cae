"""DVC by its command line: which stages are due, running them, and recording what the workers made."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ruamel.yaml import YAML

from core import file_io
from core.command_line import Terminated
from core.errors import TrainingError, UserError

DVC = [sys.executable, "-m", "dvc", "--wait-for-lock"]  # for another DVC that reads or writes dvc.lock
LOCK_FILE = Path("dvc.lock")
MENDS = {  # what DVC says of a folder that it cannot work in, and what to do; an archive of the repository is one
    "is not a git repository": "is no git repository, which DVC needs: git init",
    "not inside of a DVC repository": "has no folder .dvc, which DVC needs: dvc init",
}


def changed() -> set[str]:
    """The stages that DVC would look at again.

    Raises:
        UserError: DVC cannot tell.
    """
    return set(json.loads(_asked("status", "--json")))


def restore(stages: Sequence[str]) -> list[str]:
    """Takes the outputs of `stages`, whose inputs exist, from DVC's run-cache; returns those that have to be run.

    `dvc repro` does this by itself, except that here the command `python` of the other stages only notes their names:
    `dvc repro --dry` compares with the inputs in dvc.lock, not with those of now.
    """
    if not stages:
        return []
    with TemporaryDirectory() as folder:
        python, noted = Path(folder, "python"), Path(folder, "noted")
        python.write_text(f'#!/bin/sh\necho "$DVC_STAGE" >> {shlex.quote(str(noted))}\nexit 1\n')
        python.chmod(0o700)
        noted.touch()
        environment = os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        command = [*DVC, "repro", "--quiet", "--single-item", "--keep-going", *stages]
        subprocess.run(command, env=environment, capture_output=True, check=False)
        return noted.read_text().split()


def _asked(*arguments: str) -> str:
    """What DVC answers."""
    done = subprocess.run([*DVC, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        for problem, mend in MENDS.items():
            if problem in done.stderr:
                raise UserError(f"{Path.cwd()} {mend}")
    print(done.stderr, end="", file=sys.stderr)
    if done.returncode:
        raise UserError(f"dvc {arguments[0]} failed; the lines above say why")
    return done.stdout


def repro(*arguments: str) -> None:
    """`dvc repro` in the foreground; Ctrl-C and SIGTERM reach DVC and its stage exactly once.

    Raises:
        TrainingError: a stage failed.
    """
    with subprocess.Popen([*DVC, "repro", *arguments], start_new_session=True) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt as stop:
            os.killpg(process.pid, signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
            process.wait()
            raise
    if code:
        raise TrainingError(f"dvc repro {' '.join(arguments)} failed; the lines above say why")


def start_commit(stages: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Records the outputs of `stages` as they are now; what DVC says comes out of the process's stdout."""
    return subprocess.Popen(
        [*DVC, "commit", "--quiet", "--force", *stages],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def forget(stages: Sequence[str], before: str) -> None:
    """Takes back that `stages` were recorded: dvc.lock has them as in its text `before`, the run-cache not at all."""
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


def sort_lock_file(before: str, stages: Sequence[str]) -> None:
    """Puts the entries that were added to dvc.lock since `before` into the order of `stages`, as `dvc repro` would.

    DVC appends an entry when it is recorded, and which training ends first is a matter of chance.
    """
    order = {name: number for number, name in enumerate(stages)}
    old, text = _entries(before), LOCK_FILE.read_text(encoding="utf-8")
    entries = _entries(text)
    added = sorted(entries.keys() - old.keys(), key=lambda name: order.get(name, len(order)))
    head = text[: len(text) - sum(map(len, entries.values()))]
    names = [*(name for name in entries if name in old), *added]
    with file_io.whole(LOCK_FILE) as path:
        path.write_text(head + "".join(entries[name] for name in names), encoding="utf-8")


def _entries(text: str) -> dict[str, str]:
    """The stages of a lock file with their lines, in their order."""
    _, *blocks = re.split(r"^(?=  \S)", text, flags=re.MULTILINE)
    return {block[: block.index(":\n")].strip(): block for block in blocks}
