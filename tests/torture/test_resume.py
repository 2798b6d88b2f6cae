"""Interruptions at random moments of `dvc repro`, with one process and with two. `make torture`.

INTERRUPTIONS (60) is how many each of them gets; TORTURE_SEED repeats a session's choices, though not the machine's
speed. What was done is printed (pytest -s).
"""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.guarantees.interruption import TARGET, Project, until

INTERRUPTIONS = int(os.environ.get("INTERRUPTIONS", 60))
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(2**32)))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
A_LIFE = 8  # interruptions of one pipeline, before it may end
GOING_ON = "going on after step"


@pytest.mark.parametrize("devices", [1, 2])
def test_nothing_is_lost_at_random_moments(devices: int, tmp_path: Path) -> None:
    if devices > (os.cpu_count() or 1):
        pytest.skip(f"needs {devices} cores")
    chance = random.Random(SEED + devices)
    victims = ("training", "dvc", "group", "second")[: 2 + devices]
    prepared = Project.prepare(tmp_path / "prepared", devices=devices)
    reference = prepared.copy(tmp_path / "reference")
    started = time.monotonic()
    reference.repro()
    seconds = time.monotonic() - started
    print(f"\nTORTURE_SEED={SEED}, processes: {devices}, undisturbed: {seconds:.0f} s")
    done: Counter[str] = Counter()
    for life in range(INTERRUPTIONS):
        project = prepared.copy(tmp_path / f"life-{life}")
        for _ in range(A_LIFE):
            whom, number = chance.choice(victims), chance.choice(SIGNALS)
            before = project.output().count(GOING_ON)
            dvc = project.start(TARGET)
            loading = chance.random() < 0.2
            moment = chance.uniform(0, seconds / 3) if loading else chance.expovariate(1)
            if not loading:  # importing takes longer than all else; most moments shall be behind it
                until(lambda: begun(project, before) or dvc.poll() is not None)  # noqa: B023
            time.sleep(moment)
            project.interrupt(dvc, whom, number)
            code = project.wait_until_quiet(dvc)
            print(
                f"  {whom} {number.name} {moment:.2f} s {'loading' if loading else 'training'}: exit {code}", flush=True
            )
            if code == 0:  # DVC ignores SIGINT while a stage runs; or the signal came too late
                break
            done[f"{whom} {number.name}"] += 1
        project.repro()
        project.check(reference)
        print(f"  the same after {sum(done.values())} interruptions: {dict(sorted(done.items()))}", flush=True)
        if sum(done.values()) >= INTERRUPTIONS:
            break


def begun(project: Project, before: int) -> bool:
    """Whether the training is past its imports: it goes on, or has written its first checkpoint."""
    return project.output().count(GOING_ON) > before or (before == 0 and bool(project.checkpoints()))
