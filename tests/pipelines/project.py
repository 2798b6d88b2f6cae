"""A copy of this project to run for real: small data, short trainings, real DVC and MLflow."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
SMALL: dict[str, Any] = {
    "data.synthetic_reviews.train_rows": 64,
    "data.synthetic_reviews.validation_rows": 20,
    "data.synthetic_reviews.test_rows": 40,
    "tokenize.max_tokens": 30,
    "train.epochs": 2,
    "compare.seeds": [1],
}
# Instead of the shipped params.yaml, which tests/pipelines/test_whole.py has: DVC parses all of it for each stage.
SHORT: dict[str, Any] = {
    "data": {"name": "synthetic_reviews", "source": None, "synthetic_reviews": {}},
    "tokenize": {},
    "pretrain": {"objective": "none"},
    "variants": {"lstm": {"cell": "lstm"}, "bilstm": {"cell": "lstm", "bidirectional": True}},
    "train": {"batch_size": 32, "accelerator": "cpu", "precision": "32-true", "threads": 1},
    "compare": {
        **{"variants": ["lstm", "bilstm"], "seeds": [1], "baseline": "lstm"},
        **{"metric": "accuracy", "matching": "hidden_size", "settings": [], "tuning": {"trials": 0}},
    },
}


def copy_project(folder: Path, changes: dict[str, Any], params: dict[str, Any] | None = None) -> None:
    """Copies what git would, makes it a repository, and changes params.yaml, or `params`, by dotted names."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/", "dvc.lock")):  # which a run here leaves
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    # Compiling takes each copy 10 seconds: they share what numba has compiled, which it knows by the source's time.
    for cache in (Path("models/cpu/__pycache__"), Path("text/tokenizing/__pycache__")):
        (ROOT / cache).mkdir(exist_ok=True)
        (folder / cache).symlink_to(ROOT / cache)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    if params is not None:
        YAML().dump(params, folder / "params.yaml")
    change_params(folder, {**SMALL, **changes})


def change_params(folder: Path, changes: dict[str, Any]) -> None:
    """Edits params.yaml as a person would."""
    yaml = YAML()
    content = yaml.load(folder / "params.yaml")
    for name, value in changes.items():
        section = content
        *parents, key = name.split(".")
        for parent in parents:
            section = section[parent]
        section[key] = value
    yaml.dump(content, folder / "params.yaml")


def make_own(folder: Path, changes: dict[str, Any], patch: pytest.MonkeyPatch) -> None:
    """Has the test itself work in `folder`, with the shipped params.yaml and these changes; no code is copied."""
    shutil.copy(ROOT / "params.yaml", folder)
    change_params(folder, changes)
    enter(folder, patch)


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Has the test itself work in the project in `folder`."""
    patch.chdir(folder)
    patch.setenv("DVC_ROOT", str(folder))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)


def install(library: str, version: str, folder: Path) -> None:
    """What pip leaves of a library's version, for whoever has `folder` first on the path."""
    information = folder / f"{library.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n")


def environment() -> dict[str, str]:
    """What programs of this virtual environment find; nothing of the test's own project."""
    known = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{known['PATH']}"  # dvc.yaml says `python`
    return known | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "true"}


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a program of this environment in `folder`; its output is in the result."""
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
