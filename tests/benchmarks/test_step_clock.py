"""The clock has the seconds of the last epoch's steps, on the clock and of the processor."""

import time
from typing import Any

from benchmarks.gpu import Documents, Shape, train
from benchmarks.step_clock import StepClock

PAUSE = 0.2  # seconds


class Pause(StepClock):
    """Waits in each step, which takes no time of the processor."""

    def on_train_batch_end(self, trainer: Any, *given: Any) -> None:
        time.sleep(PAUSE)
        super().on_train_batch_end(trainer, *given)


def test_the_steps_of_the_last_epoch_are_timed() -> None:
    clock = Pause()
    started = time.perf_counter()
    train(Documents(64), Shape(batch_size=32), 2, clock, "cpu")
    assert 2 * PAUSE < clock.seconds < time.perf_counter() - started - 2 * PAUSE
    assert clock.cpu_seconds > 0
