"""A copy of the project with small params, in which tests run the real commands as real processes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
SOURCES = ("pipelines", "text", "models", "analysis", "tracking", "errors.py", "dvc.yaml", ".dvc", ".dvcignore")
SMALL: dict[str, Any] = {
    "data": {
        "name": "synthetic_reviews",
        "synthetic_reviews": {"train_rows": 64, "validation_rows": 16, "test_rows": 16},
    },
    "tokenize": {"max_tokens": 30},
    "variants": {"lstm": {"cell": "lstm", "hidden_size": 4, "embedding_size": 4}},
    "train": {"epochs": 2, "batch_size": 16},
    "compare": {"variants": ["lstm"], "seeds": [1], "baseline": "lstm"},
    "tracking": {"experiment": "small"},
}


@dataclass
class Project:
    """The copy's folder, and the environment that its commands get."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, **environment: str) -> "Project":
        """A fresh copy in `folder`."""
        folder.mkdir(parents=True)
        for name in SOURCES:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "tmp", "cache"))
            else:
                shutil.copy(source, folder / name)
        shutil.copy(ROOT / ".gitignore", folder / ".gitignore")
        project = cls(folder, environment)
        project.write_params({})
        return project

    def write_params(self, changes: Mapping[str, Any]) -> None:
        """Writes the small params, with `changes` by dotted name."""
        with (self.folder / "params.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(changed(SMALL, changes), file)

    def commit(self) -> None:
        """Makes a git repository of it, as DVC's experiments need."""
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        for arguments in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "start"]):
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
            start_new_session=True,
        )

    def run(self, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """As `start`, and waits for its end."""
        with self.start(*command, **environment) as process:
            output, errors = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{known['PATH']}"  # dvc.yaml says `python`
        own = {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "true", "OMP_NUM_THREADS": "1"}
        return known | own | self.environment | dict(more)


def stop(process: "subprocess.Popen[str]") -> None:
    """Ends `process` and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    process.communicate()


def changed(params: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `params` with `changes` by dotted name, such as {"train.epochs": 3}."""
    result = {key: changed(value, {}) if isinstance(value, Mapping) else value for key, value in params.items()}
    for name, value in changes.items():
        *parents, key = name.split(".")
        section = result
        for part in parents:
            section = section.setdefault(part, {})
        section[key] = value
    return result
