"""A copy of the project with one small training, in which tests start the real commands, and may stop them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.loaded import run_module
from tests.pipelines import project

SMALL: dict[str, Any] = {
    "data.synthetic_reviews.test_rows": 20,
    "variants": {"lstm": {"cell": "lstm", "hidden_size": 4, "embedding_size": 4}},
    "train.batch_size": 16,
    "compare.variants": ["lstm"],
    "tracking.experiment": "small",
}


@dataclass
class Project:
    """The copy's folder, and what its commands find in their environment."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, **environment: str) -> "Project":
        """A fresh copy in `folder`."""
        folder.mkdir(parents=True)
        project.copy_project(folder, SMALL)
        return cls(folder, environment)

    def change_params(self, changes: Mapping[str, Any]) -> None:
        """Edits params.yaml by dotted names."""
        project.change_params(self.folder, dict(changes))

    def commit(self) -> None:
        """Commits all of it, as DVC's experiments need."""
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        for arguments in (["add", "-A"], [*who, "commit", "-q", "-m", "start"]):
            subprocess.run(["git", *arguments], cwd=self.folder, check=True, capture_output=True)

    def start(self, *command: str, **environment: str) -> "subprocess.Popen[str]":
        """Starts `command`, such as ("dvc", "repro") or ("pipelines.train", "--seed", "1"), in a session of its own."""
        name, *arguments = command
        program = (
            [str(Path(sys.executable).parent / name)] if name in ("dvc", "mlflow") else [sys.executable, "-m", name]
        )
        return subprocess.Popen(
            [*program, *arguments],
            cwd=self.folder,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A stage of DVC's that finds itself in another process group than its parent takes it for dead.
            start_new_session="DVC_STAGE" not in environment,
        )

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """As `start`, and waits for its end; modules of pipelines run where the libraries are loaded already."""
        if command[0].startswith("pipelines."):
            return run_module(self.folder, self._environment(environment), *command)
        with self.start(*command, **environment) as process:
            output, errors = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return project.environment() | {"OMP_NUM_THREADS": "1"} | self.environment | dict(more)


def stage_of_lstm(stage: str) -> str:
    """As DVC names the stage of the only training."""
    return f"{stage}@lstm" if stage == "tune" else f"{stage}@lstm-1"


def stop(process: "subprocess.Popen[str]") -> None:
    """Ends `process` and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    process.communicate()
