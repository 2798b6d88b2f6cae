"""`dvc repro` that is interrupted goes on exactly: real processes, real signals. The long form is in tests/torture."""

import os
import random
import signal
from pathlib import Path

import pytest

from tests.guarantees.interruption import Project, until

# Which checkpoint is awaited before the signal; the seed is in the test's output.
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(2**32)))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.prepare(tmp_path_factory.mktemp("prepared") / "project")


@pytest.fixture(scope="module")
def reference(prepared: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = prepared.copy(tmp_path_factory.mktemp("reference") / "project")
    project.repro()
    project.check(project)
    return project


def test_interrupted_again_and_again_it_ends_with_the_same_bytes_and_one_run(
    prepared: Project, reference: Project, tmp_path: Path
) -> None:
    """Between batches twice, once while a checkpoint is written; the training cannot end before the signal comes."""
    chance = random.Random(SEED)
    print("TORTURE_SEED", SEED)
    project = prepared.copy(tmp_path / "project")
    for whom, number in (("training", signal.SIGTERM), ("dvc", signal.SIGKILL), ("group", signal.SIGINT)):
        last = chance.randrange(3, 8)  # of 28
        dvc = project.start_held(last)
        until(project.begun(last if whom == "dvc" else last - 1))
        project.interrupt(dvc, whom, number)
        assert project.wait_until_quiet(dvc) != 0
    project.repro()
    project.check(reference)
    assert project.output().count("going on after step") == 3
