"""Seconds that 2 variants × 4 seeds take through DVC. `python -m benchmarks.grid <candidate>`.

Both candidates start from the same tokens and an empty run-cache, and must leave the same dvc.lock.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from typing import Any

from benchmarks.corpus import GRID, copy_project, refresh_code

COMMANDS = {"project": ["commands.run"], "dvc-repro": ["dvc", "repro"]}
CHANGES: dict[str, dict[str, Any]] = {"compare": {"seeds": [1, 2, 3, 4]}, "train": {"epochs": 4}}


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=COMMANDS)
    candidate = arguments.parse_args().candidate
    prepare()
    command = [sys.executable, "-m", *COMMANDS[candidate]]
    started = time.perf_counter()
    subprocess.run(command, cwd=GRID, check=True, stdout=sys.stderr)
    seconds = time.perf_counter() - started
    lock = hashlib.sha256((GRID / "dvc.lock").read_bytes()).hexdigest()
    print(json.dumps({"value": seconds, "same": lock}))


def prepare() -> None:
    """The project before its first training."""
    if not (GRID / ".dvc" / "config").exists():
        copy_project(GRID, CHANGES)
    refresh_code(GRID)
    for name in ("results", "reports", "measurements", ".dvc/cache", ".dvc/tmp", "dvc.lock"):
        path = GRID / name
        path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "match"], cwd=GRID, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
