"""A process that has loaded what trainings need, and runs stages in copies of itself. `python -m engine.preloaded`.

commands.run starts it, and engine/start.py asks it for a stage. Each stage has a process of its own (fork), whose
memory is shared with the others' as long as nobody writes to it. A keeper between the two tells the exit code, passes
signals on, and ends the stage if whoever asked for it is gone. Ends with its standard input.
"""

import atexit
import gc
import json
import logging
import multiprocessing.util
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib import import_module
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

from core.command_line import SECONDS_TO_END
from engine.start import ADDRESS, STANDARD_STREAMS, STARTED

MODULES = ("pipelines.train", "pipelines.evaluate", "models.cpu.loops")


@contextmanager
def preloaded() -> Iterator[dict[str, str]]:
    """Has such a process as long as the context is open; the environment in which stages find it, if it can be had."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        if (address := _bind(listener, stack)) is None:
            yield {}
            return
        command = [sys.executable, "-m", "engine.preloaded", str(listener.fileno())]
        process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()], start_new_session=True)
        )
        stack.callback(process.terminate)
        listener.close()
        yield {ADDRESS: address}


def _bind(listener: socket.socket, stack: ExitStack) -> str | None:
    """Where `listener` is reached while `stack` is open; None where it cannot be, and stages load for themselves."""
    if listener.fileno() in STANDARD_STREAMS:
        return None  # it took the place of one that is closed
    try:
        address = str(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "stages")  # which nobody else may open
        listener.bind(address)
    except OSError:  # the name is too long for a socket, or the disk has none
        return None
    listener.listen()  # who asks before all is loaded waits
    return address


def main() -> None:
    """Loads the stages, and runs what is asked for at the listening socket that it has inherited."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # libraries remove their temporary files
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        for name in MODULES:
            import_module(name)
        gc.freeze()  # nothing of it is garbage: no copy need look at it, and thereby copy its memory
        atexit.register(gc.unfreeze)  # or Python would not delete it all at the end
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers end unnoticed
        # Python 3.12 warns of threads. Here they are those of OpenBLAS and of pyarrow's allocator, which know of forks.
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                end_with(partial(keep, connection))
            connection.close()


def keep(connection: socket.socket) -> None:
    """Runs the stage that is asked for in a process of its own, and tells its exit code."""
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _, descriptors, _, _ = socket.recv_fds(connection, 1, len(STANDARD_STREAMS))
    requests = connection.makefile("rb")
    line = requests.readline()
    if not line.endswith(b"\n"):
        return  # who asked is gone
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # a fork would lose it; `run` lets it through
    stage = os.fork()
    if stage == 0:
        requests.close()
        connection.close()
        end_with(partial(run, json.loads(line), descriptors))
    for descriptor in descriptors:
        os.close(descriptor)
    with suppress(OSError):
        connection.send(STARTED)
    threading.Thread(target=pass_on, args=(requests, stage), daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(stage, 0)[1])
    with suppress(OSError):
        connection.send(bytes([code if code >= 0 else 128 - code]))


def end_with(main: Callable[[], None]) -> NoReturn:
    """Runs `main` in a copy of a process, and ends the copy as Python would, but for what belongs to the original.

    Exit handlers and finalizers that stem from there are forgotten: they remove temporary files that the original and
    its other copies still use. Those that `main` registers run, and so do those that every process needs.
    """
    atexit._clear()
    weakref.finalize._registry.clear()  # type: ignore[attr-defined]  # temporary folders are among them
    weakref.finalize._registered_with_atexit = False  # type: ignore[attr-defined]
    code = 1

    def end() -> None:
        status = code
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                status = status or 120  # as Python's own
        os._exit(status)  # else Python deletes the original's objects, and with them the files that they stand for

    atexit.register(end)  # the last one to run
    atexit.register(logging.shutdown)
    atexit.register(multiprocessing.util._exit_function)  # type: ignore[attr-defined]
    try:
        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
        raise
    sys.exit(code)


def pass_on(numbers: BufferedReader, stage: int) -> None:
    """Passes on signals to the process `stage`, a byte each; ends it when who sent them is gone."""
    with suppress(OSError):
        while number := numbers.read(1):
            os.kill(stage, number[0])
    with suppress(ProcessLookupError):  # it has ended, and its keeper is about to
        os.kill(stage, signal.SIGTERM)
        time.sleep(SECONDS_TO_END)
        os.kill(stage, signal.SIGKILL)


def run(request: dict[str, Any], descriptors: list[int]) -> None:
    """Runs a stage as the process that asked for it would: with its files, folder, environment and cores."""
    for descriptor, stream in zip(descriptors, STANDARD_STREAMS, strict=True):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    os.chdir(request["folder"])
    os.environ.update(request["environment"])  # what modules have set for themselves stays
    os.sched_setaffinity(0, request["cores"])
    random.seed()  # copies would name files and runs alike
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    sys.argv = request["arguments"]
    import_module(sys.argv[0]).main()


if __name__ == "__main__":
    main()
