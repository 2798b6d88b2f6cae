"""Kills at random moments of `make run`, on this machine and on a Ray cluster. `make torture`.

KILLS (12) is how many each engine gets; TORTURE_SEED repeats a session's choices, though not the machine's speed. What
was done is printed (pytest -s).
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.engine.conftest import cluster, nodes  # noqa: F401  (fixtures)
from tests.pipelines.project import environment, run_in
from tests.torture.conftest import Reference, contents, without_results

KILLS = int(os.environ.get("KILLS", 12))
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(2**32)))
A_LIFE = 3  # kills of one pipeline, before it may end


def test_kills_on_this_machine_lose_nothing(reference: Reference, tmp_path: Path) -> None:
    torture(reference, tmp_path, ["--workers", "2"], lambda head: head.children(recursive=True))


def test_kills_on_a_cluster_lose_nothing(reference: Reference, tmp_path: Path, nodes: Any) -> None:  # noqa: F811
    def processes(_: psutil.Process) -> list[psutil.Process]:
        raylets = [psutil.Process(node.all_processes["raylet"][0].process.pid) for node in nodes.worker_nodes]
        below = [process for raylet in raylets for process in raylet.children(recursive=True)]
        return [*raylets, *(process for process in below if "engine.tasks" in " ".join(process.cmdline()))]

    torture(
        reference, tmp_path, ["--engine", "ray", "--shared", str(tmp_path)], processes, repair=lambda: repair(nodes)
    )


def repair(cluster: Any) -> None:  # noqa: F811
    """Replaces the nodes that were killed."""
    from tests.engine.conftest import NODE

    for node in [*cluster.worker_nodes]:
        if not any(name == "raylet" for name, _ in node.live_processes()):
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(**NODE)


def torture(reference: Reference, tmp_path: Path, options: list[str], victims: Any, repair: Any = lambda: None) -> None:
    chance, kills, lives, longest = random.Random(SEED), 0, 0, 60.0
    print(f"\nTORTURE_SEED={SEED} {' '.join(options)}")
    while kills < KILLS:
        lives += 1
        project = without_results(reference, tmp_path / f"life-{lives}")
        command = [sys.executable, "-m", "commands.run", *options]
        for killed in range(A_LIFE):
            if (seconds := strike(project, command, victims, chance.uniform(2, longest), chance)) is not None:
                longest = longest if killed else seconds
                break
            kills += 1
            repair()
        result = run_in(project, *command)
        if "error: failed: " in result.stderr:  # which a training that was killed is called
            result = run_in(project, *command)
        assert result.returncode == 0, result.stdout + result.stderr
        assert contents(project) == contents(reference.folder)
        print(f"  life {lives}: the same after {kills} kills", flush=True)
        shutil.rmtree(project)


def strike(project: Path, command: list[str], victims: Any, seconds: float, chance: random.Random) -> float | None:
    """Starts a run, and kills the head or another process of it after `seconds`.

    Returns:
        How long the run took, if it ended before.
    """
    started = time.perf_counter()
    with (project / "log").open("a") as log:
        process = subprocess.Popen(command, cwd=project, env=environment(), stdout=log, stderr=log)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    if process.poll() is not None:
        return max(time.perf_counter() - started, 3.0)
    head = psutil.Process(process.pid)
    with suppress(psutil.NoSuchProcess):
        victim = chance.choice([head, *victims(head)])
        number = chance.choice([signal.SIGKILL, signal.SIGTERM] if victim == head else [signal.SIGKILL])
        print(f"  {number.name} for {' '.join(victim.cmdline())[:80]}", flush=True)
        victim.send_signal(number)
    process.wait()
    time.sleep(3)  # until the last process that was started has noticed
    return None
