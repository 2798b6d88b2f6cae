"""On PYTHONPATH: a disk on which checkpoint number HOLD_AT of a training does not end, until a signal comes.

Each checkpoint that reaches the disk is announced by a file `checkpoint-<number>` in the working directory.
"""

import os
import signal
from pathlib import Path


def hold(number: int) -> None:
    """From now on a checkpoint of this number is written, but not synchronized: the process waits for a signal."""
    synchronize = os.fsync
    begun = 0

    def fsync(descriptor: int) -> None:
        nonlocal begun
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        if ".ckpt." in name and name.endswith(".part"):
            begun += 1
            Path(f"checkpoint-{begun}").touch()
            while begun == number:
                signal.pause()
        synchronize(descriptor)

    os.fsync = fsync  # type: ignore[assignment]


if "HOLD_AT" in os.environ:
    hold(int(os.environ["HOLD_AT"]))
