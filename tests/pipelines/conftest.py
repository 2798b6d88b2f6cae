"""One run of the whole pipeline, and one of two searches, which tests look at or copy."""

from pathlib import Path
from typing import Any

import pytest

from tests.once import made_once
from tests.pipelines.prepared import prepare
from tests.pipelines.project import SMALL, copy_project, make_own, run_in

TINY: dict[str, Any] = {"cell": "lstm", "hidden_size": 4, "embedding_size": 4}
SPACE: dict[str, Any] = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "pooling": ["last", "max", "mean"]}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after `dvc repro` of small data; not to be changed."""

    def make(folder: Path) -> None:
        copy_project(folder, {})
        assert run_in(folder, "dvc", "init", "--force", "--quiet").returncode == 0
        result = run_in(folder, "dvc", "repro")
        assert result.returncode == 0, result.stdout + result.stderr

    return made_once(tmp_path_factory, "whole", make)


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two variants that differ by name only, both searched with three trials; not to be changed."""

    def make(folder: Path) -> None:
        changes: dict[str, Any] = {"variants": {"lstm": dict(TINY), "twin": dict(TINY)}}
        changes |= {"compare.variants": ["lstm", "twin"], "compare.seeds": [1, 2], "train.epochs": 1}
        changes |= {"compare.tuning.trials": 3, "compare.tuning.space": SPACE}
        with pytest.MonkeyPatch.context() as patch:
            make_own(folder, {**SMALL, **changes}, patch)
            prepare()

    return made_once(tmp_path_factory, "tuned", make)
