"""Runs DVC, and ends it if the process that started it is killed. `python -m engine.watched_dvc PID ARGUMENTS`."""

import sys

from dvc.cli import main

from core import orphans

if __name__ == "__main__":
    orphans.end_with(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
