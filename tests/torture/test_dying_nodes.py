"""A process of Ray and a whole node die in mid-training, and a training fails: nothing that has finished is lost.

Once in four runs, beside other tests, the run ended with 1, as it should, but without the line that says why.
"""

from pathlib import Path
from typing import Any

from tests.engine.conftest import cluster, nodes  # noqa: F401  (fixtures)
from tests.engine.stand_ins import lines_of, write_stage
from tests.engine.test_cluster import GRID, prepared, project, recorded  # noqa: F401  (fixtures)
from tests.pipelines.project import run_in

# Of the process of Ray that started a stage, and of its node; once, since {marks} is on this machine.
KILL = """
import psutil
mark = pathlib.Path("{marks}", name)
victims = {{"lstm-3": psutil.Process().parent(), "lstm-1": psutil.Process().parent().parent()}}
if name == "bilstm-3":
    raise ValueError("the gradient is purple")
if name in victims and not mark.exists():
    mark.touch()
    print("kills", victims[name].name(), flush=True)
    victims[name].kill()
    signal.pause()
"""


def test_what_dies_is_repeated_and_what_fails_is_named(
    project: Path,  # noqa: F811
    nodes: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    write_stage(project, "train", before=KILL.format(marks=tmp_path))
    result = run_in(project, *GRID)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "error: failed: bilstm-3; the lines above say why" in result.stderr.splitlines()  # Ray may add lines
    assert "ValueError: the gradient is purple" in lines_of("bilstm-3", result)
    for name in ("lstm-3", "lstm-1"):  # what they printed last may have died with the process
        lines = lines_of(name, result)
        assert (tmp_path / name).exists()
        assert any(line.endswith("; it starts again") for line in lines), lines
    finished = {f"{kind}@{name}" for kind in ("train", "evaluate") for name in ("lstm-3", "lstm-1", "bilstm-1")}
    assert recorded(project) >= {"reference", *finished}
    assert "train@bilstm-3" not in recorded(project)
