"""What runs on the nodes of a Ray cluster: a task's stages, each in a process of its own, in a folder of its own.

Ray brings the project's source files as its working directory. Everything else comes from the head: params.yaml, code
lists, variants, tokens. A node needs neither git nor DVC nor a store of MLflow.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from core import orphans
from core.checksums import checksum_line
from core.file_io import whole
from core.orphans import SECONDS_TO_END
from core.replacing import replacing

LEAST_SPACE = 32 << 20  # bytes; a disk with less is full
COMPILED = ("models/cpu", "text/tokenizing")  # folders with loops of core/compiled.py
SOURCE_LIST = "source.sha256"
COPIES = 5  # of the source files, until one is whole
SECONDS_TO_UNPACK = 5.0  # Ray needs no longer for these files
OUTPUTS = ("results", "references", "data/evaluated", "data/settings", "trials", "measurements")


@dataclass(frozen=True)
class Work:
    """A task as it is sent to a node.

    Attributes:
        stages: to run, one after another
        files: contents by path in the project's folder
        tokens: the files of data/tokens and the pretrained weights, by path in the project's folder: checksum and,
            without `shared`, their parts in Ray's object store
        environment: variables for the stages
        shared: a folder that all nodes see, for checkpoints and tokens; None: each node has its own
    """

    stages: tuple[str, ...]
    files: dict[str, bytes]
    tokens: dict[str, tuple[str, list[Any]]]
    environment: dict[str, str]
    shared: str | None


@dataclass(frozen=True)
class Event:
    """What a node reports.

    Attributes:
        kind: arrived (the task), began (a stage), line (that the stage printed), finished, failed, full (the node's
            disk), or lost (the node cannot run the task)
        text: the stage's name, the line, or the reason
        outputs: of a finished stage, contents by path
    """

    kind: str
    text: str = ""
    outputs: Mapping[str, bytes] = field(default_factory=dict)


def describe(accelerator: str, stage: str) -> dict[str, str]:
    """A node's hardware, and the versions of the libraries that decide what `stage` makes."""
    from models import processor
    from provenance.libraries import versions

    if accelerator == "cpu":
        hardware = processor.name()
    else:
        from models import machine  # imports torch, two seconds

        gpu = machine.gpu(accelerator)
        hardware = processor.name() if gpu == "none" else gpu
    return {"hardware": hardware, **versions(stage)}


def tokenize_group(texts: bytes, name: Any, model: bytes | None) -> tuple[Any, ...]:
    """Tokenizes the texts of a row group (an Arrow stream)."""
    import pyarrow as pa

    from text.tokenizing.parallel import tokenize_texts

    return tuple(tokenize_texts(pa.ipc.open_stream(texts).read_all()["text"], name, model))


def work(task: Work) -> Iterator[Event]:
    """Runs the stages of `task`; whatever happens ends in an event. If Ray cancels the task, its process ends, too."""
    threading.Thread(target=_end_with_node, args=(os.getppid(),), daemon=True).start()
    yield Event("arrived")
    from_ray = Path.cwd()  # where Ray has put the source files; it removes the folder some time after the last task
    try:
        with TemporaryDirectory(prefix="training-", dir=from_ray.parent, ignore_cleanup_errors=True) as folder:
            root, source = Path(folder, "project"), Path(folder, "source")
            _lay_out(root, from_ray, task)
            _copy_source(from_ray, source)
            for stage in task.stages:
                yield Event("began", stage)
                if failure := (yield from _run(stage, root, source, task)):
                    yield failure
                    return
                yield Event("finished", stage, _outputs(root))
    except OSError as error:
        is_full = _is_full(from_ray.parent, f"{error}", task)
        yield Event("full" if is_full else "lost", f"{error.strerror or error}")


def _end_with_node(raylet: int) -> None:
    """Ends this process, and with it the stage, soon after the node's raylet dies; Ray does not always do so."""
    orphans.wait_for_end(raylet)
    os._exit(1)


def _lay_out(root: Path, from_ray: Path, task: Work) -> None:
    """Makes the project's folder of the task: small files as files, tokens and checkpoints as links."""
    for name, content in task.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, (digest, parts) in task.tokens.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if not task.shared:
            (root / name).hardlink_to(_fetched(_place(from_ray, digest), parts))
        elif (path := _place(Path(task.shared), digest)).exists():
            (root / name).symlink_to(path)
        else:
            raise FileNotFoundError(errno.ENOENT, f"{path} is missing on this node; all nodes must share --shared")
    if task.shared:
        checkpoints = Path(task.shared, "checkpoints")
        checkpoints.mkdir(exist_ok=True)
        (root / "checkpoints").symlink_to(checkpoints)


def list_source(folder: Path) -> None:
    """Writes the list of the source files in `folder`, by which a node knows whether its copy is whole."""
    (folder / SOURCE_LIST).write_text(_source_list(folder), encoding="utf-8")


def _source_list(folder: Path) -> str:
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.py") if path.is_file())
    return "".join(checksum_line(name, folder) for name in names)


def _copy_source(from_ray: Path, source: Path) -> None:
    """Copies the source files, because Ray unpacks them again in place when another node joins on the same machine.

    A copy made at that moment lacks files and is made again. What numba compiles stays on the node for later tasks.

    Raises:
        OSError: no copy was whole.
    """
    for _ in range(COPIES):
        with suppress(OSError):
            shutil.copytree(from_ray, source, ignore=shutil.ignore_patterns("tokens", "__pycache__"))
            if (source / SOURCE_LIST).read_text(encoding="utf-8") == _source_list(source):
                break
        shutil.rmtree(source, ignore_errors=True)
        time.sleep(SECONDS_TO_UNPACK / COPIES)
    else:
        raise OSError(errno.EAGAIN, "the source files are incomplete there")
    for folder in COMPILED:
        cache = from_ray.with_name(f"{from_ray.name}-compiled") / folder
        cache.mkdir(parents=True, exist_ok=True)
        (source / folder / "__pycache__").symlink_to(cache)


def _place(folder: Path, digest: str) -> Path:
    """Where `folder` has the file of data/tokens with this checksum, which the stage that reads it verifies."""
    return folder / "tokens" / digest.rpartition(":")[2]


def share(file: Path, shared: Path, digest: str) -> None:
    """Copies a file of data/tokens to the shared folder, if it is not there.

    Raises:
        DataError: the disk refuses.
    """
    if not (path := _place(shared, digest)).exists():
        with whole(path) as temporary:
            shutil.copyfile(file, temporary)


def _fetched(path: Path, parts: Sequence[Any]) -> Path:
    """The file `path`, fetched once per node from Ray's object store."""
    import ray

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.exists():
            with replacing(path) as temporary, temporary.open("wb") as file:
                for part in parts:
                    file.write(ray.get(part))
    return path


def _run(stage: str, root: Path, source: Path, task: Work) -> Generator[Event, None, Event | None]:
    """Runs one stage; yields what it prints, returns why it failed (None: it did not)."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}  # which Ray has set
    variables = inherited | {
        "PYTHONPATH": str(source), "PYTHONUNBUFFERED": "1", "DVC_ROOT": str(root), "DVC_STAGE": stage,
        **task.environment,
    }  # fmt: skip
    command = [sys.executable, "-m", "engine.tasks", stage]
    with _ending(subprocess.Popen(
        command, cwd=root, env=variables, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )) as process:  # fmt: skip
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said = line.rstrip("\n") or said
            yield Event("line", said)
        code = process.wait()
    if not code:
        return None
    if code < 0:  # by a signal: another program's, or the system's when memory ran out
        return Event("lost", f"{stage} was ended by {signal.Signals(-code).name}")
    if _is_full(root, said, task):
        return Event("full", f"{stage} ended with exit code {code}")
    return Event("failed", f"failed with exit code {code}")


@contextmanager
def _ending(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """Shuts the process down cleanly if the block ends first."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            process.kill()
            process.wait()


def _is_full(folder: Path, said: str, task: Work) -> bool:
    """Whether the node's disk is full, given the last line of a failed stage; a full shared folder does not count."""
    refused = os.strerror(errno.ENOSPC) in said and not task.shared
    return refused or shutil.disk_usage(folder).free < LEAST_SPACE


def _outputs(root: Path) -> dict[str, bytes]:
    """All that the stages have left so far, by path."""
    paths = [path for name in OUTPUTS for path in (root / name).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}
