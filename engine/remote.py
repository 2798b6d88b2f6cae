"""What runs on the nodes of a Ray cluster: a task's stages, each in a process of its own, in a folder of its own.

Ray brings the project's source files as its working directory. Everything else comes from the head: params.yaml, code
lists, variants, tokens. A node needs neither git nor DVC nor a store of MLflow.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from core.command_line import SECONDS_TO_END
from core.errors import DataError
from core.replacing import replacing

LEAST_SPACE = 32 << 20  # bytes; a disk with less is full
OUTPUTS = ("results", "references", "data/evaluated", "measurements")


@dataclass(frozen=True)
class Work:
    """A task as it is sent to a node.

    Attributes:
        stages: to run, one after another
        files: contents by path in the project's folder
        tokens: the files of data/tokens and the pretrained weights, by path in the project's folder: checksum and
            references to their parts in Ray's object store
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
        kind: began (a stage), line (that it printed), finished, failed, or full (the node's disk is)
        text: the stage's name, the line, or the reason
        outputs: of a finished stage, contents by path
    """

    kind: str
    text: str
    outputs: Mapping[str, bytes]


def describe(accelerator: str) -> dict[str, str]:
    """A node's hardware, and the versions of the libraries that decide digits."""
    from models import processor
    from provenance.libraries import versions

    if accelerator == "cpu":
        hardware = processor.name()
    else:
        from models import machine  # imports torch, two seconds

        gpu = machine.gpu(accelerator)
        hardware = processor.name() if gpu == "none" else gpu
    return {"hardware": hardware, **versions("train")}


def tokenize_group(texts: bytes, name: Any, model: bytes | None, versions_of_head: dict[str, str]) -> tuple[Any, ...]:
    """Tokenizes the texts of a row group (an Arrow stream).

    Raises:
        DataError: this node has other versions of the libraries that decide the tokens.
    """
    import pyarrow as pa

    from provenance.libraries import versions
    from text.tokenizing.parallel import tokenize_texts

    for library, version in versions("tokenize").items():
        if version != versions_of_head[library]:
            raise DataError(f"a node has {library} {version}, the head {versions_of_head[library]}")
    return tuple(tokenize_texts(pa.ipc.open_stream(texts).read_all()["text"], name, model))


def work(task: Work) -> Iterator[Event]:
    """Runs the stages of `task`; whatever happens ends in an event. If Ray cancels the task, its process ends, too."""
    source = Path.cwd()  # where Ray has put the source files; it removes the folder some time after the last task
    threading.Thread(target=_end_with_node, args=(os.getppid(),), daemon=True).start()
    with TemporaryDirectory(prefix="training-", dir=source, ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        try:
            _lay_out(root, source, task)
            for stage in task.stages:
                yield Event("began", stage, {})
                code = yield from _run(stage, root, source, task.environment)
                if code:
                    yield _failure(stage, root, code)
                    return
                yield Event("finished", stage, _outputs(root))
        except OSError as error:
            yield Event("full" if _is_full(root) else "failed", f"{error.strerror or error}", {})


def _end_with_node(raylet: int) -> None:
    """Ends this process, and so its stage, soon after the node's own one (raylet), which Ray does not always do."""
    while os.getppid() == raylet:
        time.sleep(0.2)
    os._exit(1)


def _lay_out(root: Path, source: Path, task: Work) -> None:
    """Makes the project's folder of the task: small files as files, tokens and checkpoints as links."""
    for name, content in task.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    kept = Path(task.shared) if task.shared else source
    for name, (digest, parts) in task.tokens.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(_fetched(kept / "tokens" / digest.rpartition(":")[2], parts))
    if task.shared:
        (kept / "checkpoints").mkdir(exist_ok=True)
        (root / "checkpoints").symlink_to(kept / "checkpoints")


def _fetched(path: Path, parts: Sequence[Any]) -> Path:
    """The file `path`, named by its checksum: fetched once per node, or once into the shared folder.

    The stage that reads it verifies the checksum.
    """
    import ray

    path.parent.mkdir(exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.exists():
            with replacing(path) as temporary, temporary.open("wb") as file:
                for part in parts:
                    file.write(ray.get(part))
    return path


def _run(stage: str, root: Path, source: Path, environment: Mapping[str, str]) -> Generator[Event, None, int]:
    """Runs one stage; yields what it prints, returns its exit code."""
    inherited = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}  # which Ray has set
    variables = inherited | {
        "PYTHONPATH": str(source), "PYTHONUNBUFFERED": "1", "DVC_ROOT": str(root), "DVC_STAGE": stage, **environment,
    }  # fmt: skip
    command = [sys.executable, "-m", "engine.stages", stage]
    with _ending(subprocess.Popen(
        command, cwd=root, env=variables, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            yield Event("line", line.rstrip("\n"), {})
        return process.wait()


@contextmanager
def _ending(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """Has the process end in an orderly way if the block ends before it."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_END)
            process.kill()
            process.wait()


def _failure(stage: str, root: Path, code: int) -> Event:
    if _is_full(root):
        return Event("full", f"{stage} ended with exit code {code}", {})
    return Event("failed", f"failed with exit code {code if code >= 0 else 128 - code}", {})


def _is_full(root: Path) -> bool:
    return shutil.disk_usage(root).free < LEAST_SPACE


def _outputs(root: Path) -> dict[str, bytes]:
    """All that the stages have left so far, by path."""
    paths = [path for name in OUTPUTS for path in (root / name).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}
