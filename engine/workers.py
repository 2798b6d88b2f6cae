"""Runs each stage in a fresh process of this machine, with its own cores or GPUs.

Python's forkserver loads the libraries once; a worker is a fork of it. If several devices train one model, Lightning
starts the other processes by repeating the command of the first one; the worker then runs `python -m` as a command.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from typing import Any

from config.params import Params
from core import command_line, orphans
from engine.cores_and_gpus import Share
from engine.tasks import call_stage
from outputs.conditions import ENGINE

PRELOADED = ["engine.preloaded"]
BINDING = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}


def preload(params: Params) -> None:
    """Starts to load the libraries, in the background."""
    context(params)
    forkserver.ensure_running()


def context(params: Params) -> ForkServerContext:
    """The forkserver that starts the workers.

    Libraries are not preloaded if loading them fixes what differs between workers: the cores that OpenMP binds its
    threads to, or the GPUs.
    """
    origin = multiprocessing.get_context("forkserver")
    alike = params.train.accelerator == "cpu" and not BINDING.intersection(os.environ)
    origin.set_forkserver_preload(PRELOADED if alike else [])
    return origin


class Worker:
    """One stage in a process of its own.

    Attributes:
        output: file descriptor, readable when the worker has printed something or has ended
        ended: whether it will print nothing more
    """

    def __init__(self, origin: ForkServerContext, stage: str, params: Params, share: Share, at_once: int) -> None:
        self.stage = stage
        self.output, writing = os.pipe()
        self.ended = False
        self._rest = b""
        os.set_blocking(self.output, False)
        self._process = origin.Process(target=_work, args=(stage, params, share, at_once, DupFd(writing)), name=stage)
        self._process.start()
        os.close(writing)

    def lines(self) -> Iterator[str]:
        """What it has printed since, in whole lines."""
        while True:
            try:
                part = os.read(self.output, 1 << 16)
            except BlockingIOError:
                return
            *whole, self._rest = (self._rest + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
            if not part:
                if self._rest:
                    yield self._rest.decode(errors="replace")
                self.ended = True
                return

    def code(self) -> int:
        """Its exit code, once it has ended; 128 and the signal's number where a signal killed it."""
        self._process.join()
        os.close(self.output)
        code = self._process.exitcode or 0
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """Sends it SIGTERM, so that it shuts down cleanly."""
        self._process.terminate()


def _work(stage: str, params: Params, share: Share, at_once: int, output: Any) -> None:
    """The worker's own code: sets the process up, and runs the stage."""
    os.setsid()  # Ctrl-C reaches the parent alone, which stops its workers
    descriptor = output.detach()
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ |= {ENGINE: f"grid of {at_once}", "DVC_STAGE": stage}  # as DVC names the stage, for MLflow's tags
    if share.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(share.gpus)
    if share.cores:
        os.sched_setaffinity(0, share.cores)
    parent = multiprocessing.parent_process()
    assert parent is not None
    orphans.end_after(lambda: wait([parent.sentinel]))
    if stage.startswith("train@") and params.train.devices != 1:
        sys.exit(_run_as_command(stage))
    command_line.finish(lambda: call_stage(stage, params))


def _run_as_command(stage: str) -> int:
    """Runs the stage as DVC would, and passes SIGTERM on."""
    kind = stage.partition("@")[0]
    with subprocess.Popen([sys.executable, "-m", f"pipelines.{kind}"]) as process:

        def pass_on(*_: object) -> None:
            with suppress(ProcessLookupError):
                process.terminate()

        signal.signal(signal.SIGTERM, pass_on)
        return process.wait()
