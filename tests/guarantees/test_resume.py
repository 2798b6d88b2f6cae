"""`dvc repro` that is interrupted goes on exactly: real processes, real signals. The long form is in tests/torture."""

import os
import random
import signal
from pathlib import Path

import pytest

from tests.guarantees.interruption import HOLD, TARGET, Project, until

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
    assert project.output().count("resuming after step") == 3


def test_the_run_of_a_training_that_was_killed_and_never_resumed_is_closed_by_the_next_stage(
    reference: Project, tmp_path: Path
) -> None:
    """DVC takes the outputs out of its cache afterwards, so that nobody trains the same again."""
    project = reference.copy(tmp_path / "project")
    dvc = project.start("--force", "--single-item", "train@tiny-1", PYTHONPATH=str(HOLD), HOLD_AT="3")
    until(project.begun(3))
    project.interrupt(dvc, "group", signal.SIGKILL)
    project.wait_until_quiet(dvc)
    before = project.output().count("Running stage")
    project.repro()
    assert project.output().count("Running stage") == before
    assert project.statuses() == ["FINISHED", "RUNNING"]
    project.repro("--force", "--single-item", TARGET)
    assert project.statuses() == ["FINISHED", "KILLED"]
    assert project.outputs() == reference.outputs()
