"""The pipeline's own overhead: seconds of a command. `python -m benchmarks.overhead <candidate>`."""

import argparse
import json
import os
import subprocess
import sys
import time

from benchmarks.corpus import GRID, PROJECT

DVC = [sys.executable, "-m", "dvc"]
COMMANDS = {
    "dvc-repro": (GRID, [*DVC, "repro"]),
    "dvc-status": (GRID, [*DVC, "status"]),
    "first-step": (PROJECT, [sys.executable, "-m", "benchmarks.overhead", "until-first-step"]),
    "bare-imports": (PROJECT, [sys.executable, "-c", "import torch, pytorch_lightning, mlflow"]),
}


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("candidate", choices=[*COMMANDS, "until-first-step"])
    candidate = arguments.parse_args().candidate
    if candidate == "until-first-step":
        train_until_first_step()
    folder, command = COMMANDS[candidate]
    if folder == GRID and not (GRID / "reports" / "comparison.json").exists():
        sys.exit("the project of the work grid is missing; measure grid first")
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    print(json.dumps({"value": time.perf_counter() - started}))


def train_until_first_step() -> None:
    """Runs the stage train until its first step would begin."""
    import pipelines.train
    from models.training.module import ClassifierModule

    def end(*_: object) -> None:
        os._exit(0)

    ClassifierModule.training_step = end  # type: ignore[assignment]
    sys.argv = ["train", "--variant", "bilstm", "--seed", "1"]
    pipelines.train.main()


if __name__ == "__main__":
    main()
