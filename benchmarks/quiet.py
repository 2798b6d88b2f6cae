"""Whether other work disturbs the measurements: a fixed loop on every core, before and after each turn.

A core that other processes use gives the loop less than its whole time; a processor that other machines share, or that
has become slower, gives it fewer rounds per second of its time.
"""

import os
import sys
import time
from collections.abc import Callable
from multiprocessing import Pool
from typing import Any

ROUNDS = 3_000_000  # a quarter of a second
MOST_BUSY = 0.05
TRIES = 3  # of a turn
WAITS, SECONDS = 10, 6  # for a quiet machine


class Watch:
    """Measures turns on a quiet machine only, unless `any_load`.

    Attributes:
        fastest: rounds per second of a core's time, the most so far
    """

    def __init__(self, any_load: bool) -> None:
        self.any_load = any_load
        self.fastest = 0.0
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def busy(self) -> float:
        """The share of a core's work that something else took, of the core that lost most: 0 to 1."""
        with Pool(self._cores) as pool:
            spins = pool.map(_spin, range(self._cores), chunksize=1)
        self.fastest = max(self.fastest, *(ROUNDS / cpu for _, cpu in spins))
        return max(1 - ROUNDS / wall / self.fastest for wall, _ in spins)

    def turn(self, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The result of `measure`, with how `busy` the machine was before or after it; repeats what was disturbed.

        Exits if the machine stays busy.
        """
        for _ in range(TRIES):
            before = self._wait()
            result = measure()
            busy = max(before, self.busy())
            if busy <= MOST_BUSY or self.any_load:
                return {**result, "busy": round(busy, 3)}
            print(f"other work took {busy:.0%} of a core: this turn is repeated", flush=True)
        sys.exit(f"error: the machine was busy in {TRIES} turns; stop the other work, or measure with --any-load")

    def _wait(self) -> float:
        for _ in range(WAITS):
            busy = self.busy()
            if busy <= MOST_BUSY or self.any_load:
                return busy
            time.sleep(SECONDS)
        sys.exit(f"error: other work takes {busy:.0%} of a core; stop it, or measure with --any-load")


def _spin(_: int) -> tuple[float, float]:
    """Seconds of wall clock and of processor time for ROUNDS rounds."""
    started, before = time.perf_counter(), time.process_time()
    total = 0
    for number in range(ROUNDS):
        total += number
    return time.perf_counter() - started, time.process_time() - before
