"""A time limit for a block that waits for a server.

A socket's timeout limits each read alone; a server that sends a byte now and then never exceeds it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType


class Overdue(Exception):
    """A block took longer than its time limit."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupts the block after `seconds`; inside another such block, the outer limit holds.

    It uses a signal, which Python delivers to the main thread only; in other threads there is no limit.

    Raises:
        Overdue: not an OSError, because libraries would retry after one.
    """
    if current_thread() is not main_thread() or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Overdue(f"no complete answer within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, end)
    # Repeatedly, since Python discards an exception that a signal raises inside a destructor.
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
