"""Processes that begin at the same moment, for scripts that tests start as programs of their own."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


def all_at_once(write: Callable[[int], object], writers: int) -> NoReturn:
    """Calls `write` with each number in a process of its own; exits with 0 if all came through.

    They are forked, so that they need not load MLflow one after another.
    """
    children = []
    for number in range(writers):
        children.append(os.fork())
        if children[-1] == 0:
            try:
                write(number)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
    ends = [os.waitpid(child, 0)[1] for child in children]
    sys.exit(any(ends))
