"""What a node makes of a task, without Ray."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from config.params import load
from engine import remote
from engine.remote import Event, Work, list_source, share, work
from engine.tasks import Task, files_for
from outputs.conditions import ENGINE
from tests.engine.stand_ins import write_stage
from tests.engine.test_cluster import project  # noqa: F401  (a fixture)
from tests.pipelines.conftest import project as whole  # noqa: F401  (a fixture)
from tracking.notes import NO_STORE

FULL = """
print("results/lstm/seed-1 cannot be written: No space left on device")
sys.exit(1)
"""


def events(project: Path, patch: pytest.MonkeyPatch, task: Work) -> list[Event]:  # noqa: F811
    patch.chdir(project)  # where Ray would have put the source files
    list_source(project)
    return list(work(task))


@pytest.mark.parametrize(("shared", "kind"), [(False, "full"), (True, "failed")])
def test_a_refused_output_means_that_the_nodes_disk_is_full_unless_the_folder_is_shared(
    project: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shared: bool,
    kind: str,
) -> None:
    write_stage(project, "train", before=FULL)
    files = {"params.yaml": (project / "params.yaml").read_bytes()}
    task = Work(("train@lstm-1",), files, {}, {}, str(tmp_path) if shared else None)
    assert events(project, monkeypatch, task)[-1].kind == kind


def test_a_stage_that_was_killed_is_to_start_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    write_stage(project, "train", before="os.kill(os.getpid(), signal.SIGKILL)")
    task = Work(("train@lstm-1",), {"params.yaml": (project / "params.yaml").read_bytes()}, {}, {}, None)
    assert events(project, monkeypatch, task)[-1] == Event("lost", "train@lstm-1 was ended by SIGKILL")


def test_source_files_that_ray_is_unpacking_again_are_copied_when_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked, copied = tmp_path / "unpacked", tmp_path / "copied"
    unpacked.mkdir()
    contents = {name: f"# {name}\n" for name in ("a.py", "b.py", remote.SOURCE_LIST)}
    for name in ("a.py", "b.py"):
        (unpacked / name).write_text(contents[name])
    list_source(unpacked)
    contents[remote.SOURCE_LIST] = (unpacked / remote.SOURCE_LIST).read_text()
    states = iter([["a.py", remote.SOURCE_LIST], ["a.py"], [], contents])

    def unpack(_: float = 0) -> None:
        shutil.rmtree(unpacked, ignore_errors=True)
        for name in next(states):
            unpacked.mkdir(exist_ok=True)
            (unpacked / name).write_text(contents[name])

    unpack()
    monkeypatch.setattr("engine.remote.time.sleep", unpack)
    monkeypatch.setattr(remote, "COMPILED", ())
    remote._copy_source(unpacked, copied)
    assert {path.name: path.read_text() for path in copied.iterdir()} == contents
    assert next(states, None) is None


def test_a_shared_folder_that_a_node_lacks_ends_in_a_line(
    project: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = Work(("train@lstm-1",), {}, {"train.arrow": ("sha256:1234", [])}, {}, str(tmp_path / "shared"))
    reason = f"{tmp_path}/shared/tokens/1234 is missing on this node; all nodes must share --shared"
    assert events(project, monkeypatch, task) == [Event("arrived"), Event("lost", reason)]


def test_real_stages_give_what_dvc_repro_gives_from_the_files_that_the_head_sends(
    whole: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(whole)
    task = Task("lstm-1", ("train@lstm-1", "evaluate@lstm-1"))
    files = files_for(task, load())
    checksums = json.loads(Path("data/tokens/summary.json").read_text())["checksums"]
    for name, checksum in checksums.items():
        share(Path("data/tokens", name), tmp_path, checksum)
    tokens: dict[str, tuple[str, list[Any]]] = {
        f"data/tokens/{name}": (checksum, []) for name, checksum in checksums.items()
    }
    environment = {NO_STORE: "true", ENGINE: "ray 2.60.0"}
    last = events(whole, monkeypatch, Work(task.stages, files, tokens, environment, str(tmp_path)))[-1]
    assert last.kind == "finished", last
    (measured,) = [json.loads(content) for name, content in last.outputs.items() if name.startswith("measurements/")]
    (conditions,) = measured["training_conditions"]
    assert conditions["engine"] == "ray 2.60.0"
    assert {"processor", "gpu", "cores", "torch", "numba"} < conditions.keys()
    outputs = {name: content for name, content in last.outputs.items() if not name.startswith("measurements/")}
    assert outputs == {name: (whole / name).read_bytes() for name in outputs}
    assert {"results/lstm/seed-1/model.safetensors", "data/evaluated/lstm-1.sha256"} < outputs.keys()
