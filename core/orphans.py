"""Ends a process whose parent was killed, since nobody would record what it makes."""

import os
import signal
import threading
import time
from collections.abc import Callable

SECONDS_TO_END = 20.0  # after SIGTERM, before the process is killed


def end_with(parent: int) -> None:
    """Sends this process SIGTERM soon after its parent, the process `parent`, has ended, and kills it if that hangs."""
    end_after(lambda: wait_for_end(parent))


def end_after(wait: Callable[[], object]) -> None:
    """Like `end_with`; `wait` returns when the parent has ended."""

    def watch() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_END)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def wait_for_end(parent: int) -> None:
    """Waits until this process's parent, the process `parent`, has ended; then another process takes its place."""
    while os.getppid() == parent:
        time.sleep(0.2)
