"""A real Ray cluster on this machine in which processes and nodes die, fill up and join: nothing finished is lost."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil
import pytest

from tests.engine.conftest import NODE, SETTINGS, cluster, import_ray, nodes, prepared  # noqa: F401  (fixtures)
from tests.engine.stand_ins import lines_of, ran, write_stage
from tests.engine.test_cluster import GRID, project, recorded  # noqa: F401  (a fixture)
from tests.pipelines.project import environment, run_in
from tests.torture.conftest import Reference, contents, finished_runs, without_results

NAMES = ("lstm-3", "lstm-1", "bilstm-3", "bilstm-1")
TRAININGS = {f"{kind}@{name}" for kind in ("train", "evaluate") for name in NAMES}

# Of the first training on another node than the head's: its node; of one of the others: the process of Ray that runs
# it. Each once, since the marks are on this machine. (With the head's node the head itself would die.)
DIE = """
import psutil
if name == "bilstm-3":
    raise ValueError("the gradient is purple")
process = psutil.Process().parent()
for kind, victim in {{"node": process.parent(), "process": process}}.items():
    if kind == "node" and victim.pid == {head}:
        continue
    try:
        with open("{marks}/" + kind, "x") as mark:
            mark.write(name)
    except FileExistsError:
        continue
    victim.kill()
    signal.pause()
"""
# Trainings wait until one of them runs on a node that is not among the first ones.
WAIT_FOR_NODE = """
import psutil, time
arrived = pathlib.Path("{mark}")
if psutil.Process().parent().parent().pid not in {known}:
    arrived.write_text(name)
print("waiting", flush=True)
while not arrived.exists():
    time.sleep(0.1)
"""
FILL = """
import shutil
if shutil.disk_usage(".").total < 1 << 29:
    with open("{marks}/full", "x"):  # no second task comes here
        pass
    pathlib.Path("weights").write_bytes(bytes(1 << 29))
"""
# The command `ray`, which would take the address that other machines see for 127.0.0.1.
RAY_ON_LOOPBACK = """
from ray._private import services
services.resolve_ip_for_localhost = lambda host: host
from ray.scripts.scripts import main
main()
"""
# Once the references are recorded.
KILL_HEADS_NODE = """
import time
if name == "lstm-1" and not pathlib.Path("{next_run}").exists():  # until then it waits: Ray takes time to end the run
    if not pathlib.Path("{mark}").exists():
        pathlib.Path("{mark}").touch()
        while "  reference:" not in pathlib.Path("{lock}").read_text():
            time.sleep(0.1)
        os.kill({head}, signal.SIGKILL)
    signal.pause()
"""


def raylet(node: Any) -> int:
    """The process of a node that starts all others."""
    return int(node.all_processes["raylet"][0].process.pid)


def test_what_dies_is_repeated_and_what_fails_is_named(
    project: Path,  # noqa: F811
    nodes: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    write_stage(project, "train", before=DIE.format(marks=tmp_path, head=raylet(nodes.head_node)))
    result = run_in(project, *GRID)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "error: failed: bilstm-3; the lines above say why" in result.stderr.splitlines()  # Ray may add lines
    assert "ValueError: the gradient is purple" in lines_of("bilstm-3", result)
    for kind, reason in {"node": "has died", "process": "died unexpectedly"}.items():
        name = (tmp_path / kind).read_text()
        lines = [line for line in lines_of(name, result) if line.endswith("; it starts again")]
        assert len(lines) == 1, result.stdout
        assert reason in lines[0]
    assert recorded(project) >= {"reference", *TRAININGS} - {"train@bilstm-3", "evaluate@bilstm-3"}
    assert "train@bilstm-3" not in recorded(project)


def test_a_node_that_joins_late_gets_work(
    project: Path,  # noqa: F811
    nodes: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    known = {raylet(node) for node in nodes.list_all_nodes()}
    mark = tmp_path / "arrived"
    write_stage(project, "train", before=WAIT_FOR_NODE.format(mark=mark, known=known))
    command = [sys.executable, *GRID[1:]]
    head = subprocess.Popen(command, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True)
    assert head.stdout is not None
    next(line for line in head.stdout if line.endswith("│ waiting\n"))
    late = nodes.add_node(**NODE)
    try:
        said, _ = head.communicate()
    finally:
        nodes.remove_node(late, allow_graceful=False)
    assert head.returncode == 0, said
    assert mark.read_text() in NAMES
    assert recorded(project) >= {"reference", *TRAININGS, "compare"}


@pytest.fixture
def small_disk(nodes: Any, tmp_path: Path) -> Iterator[None]:  # noqa: F811
    """A fourth node, which keeps its files on a disk of 256 MB."""
    folder = mkdtemp(dir="/tmp", prefix="node-")  # a short path: sockets are in it
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*command, f"mount -t tmpfs tmpfs {folder}"], check=False).returncode:
        pytest.skip("needs a namespace in which it may mount")
    program = tmp_path / "start_node.py"
    program.write_text(RAY_ON_LOOPBACK)
    start = f"{sys.executable} {program} start --address={nodes.address} --num-cpus=1 --object-store-memory={80 << 20}"
    options = f"--temp-dir={folder} --node-ip-address=127.0.0.1 --block"
    script = f"mount -t tmpfs -o size=256m tmpfs {folder} && exec {start} {options}"
    variables = environment() | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
    with subprocess.Popen([*command, script], env=variables, stdout=subprocess.PIPE, text=True) as node:
        try:
            assert node.stdout is not None
            assert any("Ray runtime started" in line for line in node.stdout)
            yield
        finally:
            for process in psutil.Process(node.pid).children(recursive=True):
                process.kill()
            node.kill()
            shutil.rmtree(folder)


def test_a_full_disk_ends_in_a_line_and_the_training_runs_elsewhere(
    project: Path,  # noqa: F811
    small_disk: None,
    tmp_path: Path,
) -> None:
    for stage in ("train", "reference"):
        write_stage(project, stage, before=FILL.format(marks=tmp_path))
    result = run_in(project, *GRID)
    assert result.returncode == 0, result.stdout + result.stderr
    (line,) = [line for line in result.stdout.splitlines() if "is full" in line]
    name = line.split("│")[0].strip()
    kind = "reference" if name == "reference" else f"train@{name}"
    assert "│ the disk of " in line
    assert line.endswith(f" is full: {kind} ended with exit code 1; it starts again")
    assert recorded(project) >= {"reference", *TRAININGS, "compare"}


def test_a_run_whose_own_node_dies_says_so_and_the_next_one_does_the_rest(
    project: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    import_ray()
    from ray.cluster_utils import Cluster

    results: list[subprocess.CompletedProcess[str]] = []
    for _ in range(2):
        of_its_own = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        try:
            for _ in range(2):
                of_its_own.add_node(**NODE)
            monkeypatch.setenv("RAY_ADDRESS", of_its_own.address)
            if not results:
                head, lock = raylet(of_its_own.head_node), project / "dvc.lock"
                marks = {"mark": tmp_path / "killed", "next_run": tmp_path / "next"}
                before = KILL_HEADS_NODE.format(**marks, lock=lock, head=head)
                write_stage(project, "train", before=before)
            results.append(run_in(project, *GRID))
            (tmp_path / "next").touch()
        finally:
            of_its_own.shutdown()
    killed, again = results
    assert killed.returncode != 0
    (line,) = [line for line in killed.stderr.splitlines() if line.startswith("error: ")]
    assert "this machine's node of the Ray cluster has died" in line
    assert again.returncode == 0, again.stdout + again.stderr
    assert recorded(project) >= {"reference", *TRAININGS, "compare"}
    assert "error: " not in again.stderr
    assert "reference" not in ran(again)


def test_real_trainings_are_those_of_dvc_repro_and_resume_from_a_shared_folder(
    reference: Reference,
    nodes: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    project = without_results(reference, tmp_path / "project")  # noqa: F811
    shared = tmp_path / "shared"
    shared.mkdir()
    reference.mark.unlink()
    result = run_in(project, *GRID, "--shared", str(shared))
    assert result.returncode == 0, result.stdout + result.stderr
    assert reference.mark.exists()
    (lost,) = [line for line in result.stdout.splitlines() if line.endswith("; it starts again")]
    lines = lines_of(lost.split("│")[0].strip(), result)
    assert "resuming after step 3" in lines
    assert contents(project) == contents(reference.folder)
    assert finished_runs(project) == finished_runs(reference.folder)  # sent by the head
    assert not list(shared.glob("checkpoints/*/*"))  # they go when DVC has recorded the training
    assert list(shared.glob("tokens/*"))
