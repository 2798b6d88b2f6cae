"""What a node makes of a task, without Ray."""

from pathlib import Path

import pytest

from engine.remote import Event, Work, work
from tests.engine.stand_ins import write_stage
from tests.engine.test_cluster import prepared, project  # noqa: F401  (fixtures)

FULL = """
print("results/lstm/seed-1 cannot be written: No space left on device")
sys.exit(1)
"""


def events(project: Path, patch: pytest.MonkeyPatch, task: Work) -> list[Event]:  # noqa: F811
    patch.chdir(project)  # where Ray would have put the source files
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


def test_a_shared_folder_that_a_node_lacks_ends_in_a_line(
    project: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = Work(("train@lstm-1",), {}, {"train.arrow": ("sha256:1234", [])}, {}, str(tmp_path / "shared"))
    reason = f"{tmp_path}/shared/tokens/1234 is missing on this node; --shared has to be on all nodes"
    assert events(project, monkeypatch, task) == [Event("lost", reason, {})]
