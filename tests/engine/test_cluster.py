"""Trainings on a Ray cluster leave what `dvc repro` leaves, whoever dies; needs no DVC, git or store on a node."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from config.params import Params, load
from core.errors import ParamsError
from tests.engine.conftest import import_ray
from tests.engine.stand_ins import WAIT, lines_of, ran, write_stage
from tests.pipelines.project import change_params, environment, make_own, run_in

GRID = ("python", "-m", "commands.run", "--engine", "ray")
MADE = ("data/tokens", "results", "references", "data/evaluated", "reports/comparison.json")


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(prepared, tmp_path / "project"))


def outputs(project: Path) -> dict[str, bytes]:
    files = [path for name in MADE for path in (project / name).rglob("*") if path.is_file()]
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files}


def recorded(project: Path) -> set[str]:
    return set(YAML(typ="safe").load(project / "dvc.lock")["stages"])


def test_trainings_on_nodes_leave_the_lock_file_and_outputs_of_dvc_repro(
    project: Path, cluster: Any, tmp_path: Path
) -> None:
    by_hand = Path(shutil.copytree(project, tmp_path / "by-hand"))
    for folder in (project, by_hand):  # edits that no commit has
        change_params(folder, {"tokenize.max_tokens": 29})
        write_stage(folder, "train", before='print("edited in", os.environ.get("GIT_COMMIT"), os.getcwd())')
    result = run_in(project, *GRID)
    assert result.returncode == 0, result.stdout + result.stderr
    (line,) = [line for line in lines_of("bilstm-1", result) if line.startswith("edited in")]
    assert str(project) not in line  # a folder of the node's
    assert "stage tokenize on the cluster" in result.stdout
    assert {"train@bilstm-1", "evaluate@bilstm-1", "reference", "compare"} <= ran(result)
    alone = run_in(by_hand, "dvc", "repro")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert outputs(project) == outputs(by_hand)
    assert (project / "dvc.lock").read_bytes() == (by_hand / "dvc.lock").read_bytes()


def stages_on(cluster: Any) -> list[psutil.Process]:
    raylets = [psutil.Process(node.all_processes["raylet"][0].process.pid) for node in cluster.list_all_nodes()]
    below = [process for raylet in raylets for process in raylet.children(recursive=True)]
    return [process for process in below if "engine.tasks" in process.cmdline()]


def test_nothing_outlives_a_killed_head_and_the_next_one_does_the_rest(project: Path, nodes: Any) -> None:
    write_stage(project, "train", before=f'if name.startswith("bilstm"):\n{indent(WAIT, "    ")}')
    command = [sys.executable, *GRID[1:]]
    head = subprocess.Popen(command, cwd=project, env=environment(), stdout=subprocess.PIPE, text=True)
    assert head.stdout is not None
    waiting = 0
    for line in head.stdout:
        waiting += line.endswith("│ waiting\n")
        if waiting == 2:
            break
    stages = stages_on(nodes)
    assert len(stages) == 2
    head.kill()
    assert head.wait() == -signal.SIGKILL
    _, alive = psutil.wait_procs(stages, timeout=60)
    assert not alive
    write_stage(project, "train")
    result = run_in(project, *GRID)
    assert result.returncode == 0, result.stdout + result.stderr
    assert {"train@bilstm-1", "train@bilstm-3", "compare"} <= ran(result)
    assert run_in(project, "dvc", "status", "--json").stdout.strip() == "{}"


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    make_own(tmp_path, {}, monkeypatch)
    return load()


def refused(params: Params, address: str | None = None, any_hardware: bool = False) -> str:
    import_ray()
    from engine.cluster import ClusterCrew
    from engine.ray_connection import connected

    with pytest.raises(ParamsError) as error:
        if any_hardware:
            ClusterCrew(params, None, any_hardware, [])
        with connected(params, address):
            pass
    return str(error.value)


def test_a_cluster_without_a_token_is_refused(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert refused(params).startswith("RAY_AUTH_MODE is not set; allowed: token")


def test_an_address_at_which_nobody_answers_ends_in_one_line(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert refused(params, "127.0.0.1:1") == "no Ray cluster at 127.0.0.1:1: Connection refused"


def test_the_same_time_on_any_hardware_is_refused(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    compare = params.compare.model_copy(update={"matching": "training_time"})
    assert "training_time" in refused(params.model_copy(update={"compare": compare}), any_hardware=True)


def test_ray_is_named_where_it_is_not_installed(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ray'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run_in(prepared, *GRID)
    line = "error: --engine ray needs Ray, which is not installed: pip install -r requirements-ray.txt"
    assert result.stderr.splitlines()[-1] == line


def test_measurements_of_a_node_are_added_to_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_ray()
    from engine.cluster import write_outputs

    make_own(tmp_path, {}, monkeypatch)
    write_outputs({"measurements/a.json": b'{"training_seconds": 2.0}', "results/lstm/seed-1/config.json": b"{}"})
    write_outputs({"measurements/a.json": b'{"evaluated": 3}'})
    assert json.loads(Path("measurements/a.json").read_text()) == {"training_seconds": 2.0, "evaluated": 3}
    assert Path("results/lstm/seed-1/config.json").read_bytes() == b"{}"
    assert not list(Path().rglob(".*.part"))
