"""An end to waiting for a server.

A socket's time limit is for each read alone: a server that sends a byte now and then never comes to it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


class Overdue(Exception):
    """Something took longer than it was given."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Ends the block after so many seconds, wherever it is then; within another such block that one's limit holds.

    It comes as Ctrl-C does, and so in the main thread alone: there every stage asks its servers.

    Raises:
        Overdue: not an OSError, after which libraries would try again.
    """
    if current_thread() is not main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Overdue(f"no whole answer within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, end)
    # Again and again: where Python calls back from within itself, as at an object's end, an exception is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
