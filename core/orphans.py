"""Ends a process whose parent was killed, since nobody would record what it makes."""

import os
import signal
import threading
import time
from collections.abc import Callable

SECONDS_TO_END = 20.0  # after SIGTERM, before the process is killed


def end_with(parent: int) -> None:
    """Sends this process SIGTERM soon after its parent, the process `parent`, has ended, and kills it if that hangs."""
    end_after(lambda: _has_ended(parent))


def end_after(parent_has_ended: Callable[[], object]) -> None:
    """Like `end_with`, as soon as `parent_has_ended` returns."""

    def watch() -> None:
        parent_has_ended()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_END)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _has_ended(parent: int) -> None:
    while os.getppid() == parent:  # another process takes its place
        time.sleep(0.2)
