"""Trains with a tmpfs of its own for the checkpoints, which is full, then read-only, then large enough.

unshare --map-root-user --mount python checkpoints_on_a_full_disk.py FOLDER
"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.errors import TrainingError
from tests.models.test_resuming import assert_same, store, train


def main(folder: Path) -> None:
    os.environ["DVC_ROOT"] = str(folder / "elsewhere")
    whole = train(store("whole"))
    size = max(path.stat().st_size for path in store("whole").folder.iterdir())
    os.environ["DVC_ROOT"] = str(folder)
    disk = folder / "checkpoints"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size * 3 // 2 // 1024}k", "tmpfs", disk], check=True)
    interrupted = store("interrupted")
    say_why(lambda: train(interrupted))
    print([path.name for path in interrupted.folder.iterdir()])
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    say_why(lambda: train(interrupted))
    say_why(lambda: interrupted.locked().__enter__())
    subprocess.run(["mount", "-o", "remount,rw,size=10m", disk], check=True)
    with interrupted.locked():
        assert_same(train(interrupted), whole)
    print("the same")


def say_why(action: object) -> None:
    assert callable(action)
    try:
        action()
    except TrainingError as error:
        print(error)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
