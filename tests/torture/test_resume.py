"""Interruptions at random moments of `dvc repro`, with one process and with two. `make torture`.

INTERRUPTIONS (60) is how many each of them gets; TORTURE_SEED repeats a session's choices, though not the machine's
speed. What was done is printed (pytest -s).
"""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees.interruption import TARGET, Project, until

INTERRUPTIONS = int(os.environ.get("INTERRUPTIONS", 60))
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(2**32)))
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
A_LIFE = 8  # interruptions of one pipeline, before it may end
RESUMING = "resuming after step"
# Importing takes longer than all else; most moments shall be behind it.
MOMENTS = ("loading", "training", "training", "validation", "writing")
MADE = ("data", "results", "references", "reports/comparison.json")


@pytest.mark.parametrize("devices", [1, 2])
def test_nothing_is_lost_at_random_moments(devices: int, tmp_path: Path) -> None:
    if devices > (os.cpu_count() or 1):
        pytest.skip(f"needs {devices} cores")
    chance = random.Random(SEED + devices)
    victims = ("training", "dvc", "group", "second")[: 2 + devices]
    # So many documents to validate that an epoch spends half of its time on them.
    prepared = Project.prepare(tmp_path / "prepared", validation_rows=2000, devices=devices)
    reference = prepared.copy(tmp_path / "reference")
    started = time.monotonic()
    reference.repro()
    seconds = time.monotonic() - started
    print(f"\nTORTURE_SEED={SEED}, processes: {devices}, undisturbed: {seconds:.0f} s")
    done: Counter[str] = Counter()
    struck: Counter[str] = Counter()
    for life in range(INTERRUPTIONS):
        project = prepared.copy(tmp_path / f"life-{life}")
        for _ in range(A_LIFE):
            whom, number, moment = chance.choice(victims), chance.choice(SIGNALS), chance.choice(MOMENTS)
            before = project.output().count(RESUMING)
            dvc = project.start(TARGET)
            wait_for(moment, project, dvc.poll, before, 60 // devices)
            time.sleep(delay(moment, chance, seconds))
            project.interrupt(dvc, whom, number)
            code = project.wait_until_quiet(dvc)
            where = place(project, 60 // devices) if begun(project, before) else "while loading"
            print(f"  {whom} {number.name}, aimed at {moment}: exit {code}, {where}", flush=True)
            if code == 0:  # DVC ignores SIGINT while a stage runs; or the signal came too late
                break
            done[f"{whom} {number.name}"] += 1
            struck[where.partition(" after")[0]] += 1
        project.repro()
        project.check(reference)
        print(f"  the same after {sum(done.values())} interruptions: {dict(sorted(done.items()))}", flush=True)
        print(f"    {dict(sorted(struck.items()))}", flush=True)
        shutil.rmtree(project.folder)
        if sum(done.values()) >= INTERRUPTIONS:
            break


def wait_for(moment: str, project: Project, ended: Callable[[], int | None], before: int, steps_an_epoch: int) -> None:
    """Waits until the training is where it shall be struck, or is over."""
    reached: dict[str, Callable[[], bool]] = {
        "loading": lambda: True,
        "training": lambda: begun(project, before),
        "validation": lambda: begun(project, before) and place(project, steps_an_epoch).startswith("in validation"),
        "writing": lambda: begun(project, before) and bool(parts(project)),
    }
    until(lambda: reached[moment]() or ended() is not None, pause=0.001 if moment == "writing" else 0.01)


def delay(moment: str, chance: random.Random, seconds: float) -> float:
    """Seconds to let pass then."""
    match moment:
        case "loading":
            return chance.uniform(0, seconds / 3)
        case "training":
            return chance.expovariate(1)
        case "validation":
            return chance.uniform(0, 0.5)
    return 0.0


def begun(project: Project, before: int) -> bool:
    """Whether the training is past its imports: it goes on, or has written its first checkpoint."""
    return project.output().count(RESUMING) > before or (before == 0 and bool(project.checkpoints()))


def parts(project: Project) -> list[Path]:
    """Checkpoints that are being written."""
    return list((project.folder / "checkpoints").glob("*/.*.part"))


def place(project: Project, steps_an_epoch: int) -> str:
    """Where the training is, or was when it was struck, as far as its files tell."""
    if parts(project):
        return "while writing a checkpoint"
    checkpoints = project.checkpoints()
    step = int(checkpoints[-1].stem.removeprefix("step-")) if checkpoints else 0
    end = (step // steps_an_epoch + 1) * steps_an_epoch
    # A few steps after the last checkpoint within an epoch the validation begins.
    validating = step % steps_an_epoch and step == (end - 1) // 7 * 7
    return f"{'in validation or just before' if validating else 'elsewhere'} after step {step}"


def made(project: Project) -> dict[str, str]:
    """Digests of the outputs, without what killed stages were writing: that stays, hidden, until `make clean`."""
    left = {".part", ".old"}
    return {
        name: digest
        for name, digest in project.outputs(*MADE).items()
        if left.isdisjoint(path.suffix for path in (Path(name), *Path(name).parents))
    }


def test_nothing_is_lost_in_any_stage(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    prepared = Project.prepare(tmp_path / "prepared", done=())
    reference = prepared.copy(tmp_path / "reference")
    started = time.monotonic()
    reference.repro("compare")
    seconds = time.monotonic() - started
    print(f"\nTORTURE_SEED={SEED}, undisturbed: {seconds:.0f} s")
    for life in range(max(1, INTERRUPTIONS // A_LIFE)):
        project = prepared.copy(tmp_path / f"life-{life}")
        for _ in range(A_LIFE):
            whom, number, moment = chance.choice(("dvc", "group")), chance.choice(SIGNALS[1:]), chance.uniform(1, 15)
            dvc = project.start("compare")
            time.sleep(moment)
            project.interrupt(dvc, whom, number)
            code = project.wait_until_quiet(dvc)
            print(f"  {whom} {number.name} after {moment:.1f} s: exit {code}", flush=True)
            if code == 0:
                break
        project.repro("compare")
        assert made(project) == made(reference)
        print(f"  the same, stages begun: {project.output().count('Running stage')}", flush=True)
        shutil.rmtree(project.folder)
