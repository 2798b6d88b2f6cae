"""What workers inherit from the process that they are forks of."""

import multiprocessing
import os
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.loaded import start


def send_inherited(answer: Connection) -> None:
    import torch
    from numba.core.registry import CPUDispatcher

    threads = torch.get_num_threads()
    from engine import preloaded
    from models.cpu import loops

    compiled = [loop for loop in vars(loops).values() if isinstance(loop, CPUDispatcher) and loop.signatures]
    answer.send(
        {
            "stages": {f"pipelines.{name}" for name in preloaded.STAGES} <= sys.modules.keys(),
            "loops": {loop.py_func.__name__ for loop in compiled} >= {"lstm_forward", "lstm_backward"},
            "threads": len(list(Path("/proc/self/task").iterdir())),
            "kernel threads": torch.get_num_threads() - threads,
            "cores": os.sched_getaffinity(0),
            "denormals": float(torch.tensor(1e-40) * 1) > 0,
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }
    )


def test_libraries_and_loops_are_there_and_the_process_is_as_if_it_had_computed_nothing() -> None:
    receiving, sending = multiprocessing.Pipe(duplex=False)
    process = start(send_inherited, sending)
    sending.close()
    inherited: dict[str, Any] = receiving.recv()
    process.join()
    assert inherited == {
        "stages": True,
        "loops": True,
        "threads": 1,
        "kernel threads": 0,
        "cores": os.sched_getaffinity(0),
        "denormals": True,
        "deterministic": False,
    }
