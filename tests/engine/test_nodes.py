"""No fault of Ray or of a node leaves a run waiting while a node could do its tasks, or for ever."""

import os
import signal
from collections.abc import Callable, Iterator
from io import StringIO
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from config.params import Params, load
from core.errors import ParamsError, TrainingError
from core.paths import TOKENS
from engine import remote
from engine.remote import Work
from engine.slots import Node, Slots
from engine.tasks import Task
from engine.view import View
from tests.pipelines.project import ROOT

TASK = Task("lstm-1", ("train@lstm-1",))


@pytest.fixture(scope="module")
def params(cluster: Any) -> Iterator[Params]:
    """Of the shipped params.yaml; connected to the cluster."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        from engine.ray_connection import connected

        shipped = load()
        with connected(shipped, None):
            yield shipped


@pytest.fixture
def view() -> View:
    return View([TASK.name], Console(file=StringIO(), width=200))


def said(view: View) -> str:
    return str(view._console.file.getvalue())  # type: ignore[attr-defined]


def usable_nodes(stage: str = "train") -> Any:
    from engine.nodes import Nodes

    return Nodes(stage, 1, 0, "cpu", Slots(lambda _: None))


@pytest.fixture
def crew(params: Params, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A crew whose tasks get no files."""
    from engine.cluster import ClusterCrew

    monkeypatch.setattr(ClusterCrew, "_work", lambda *_: Work((), {}, {}, {}, None))
    return ClusterCrew(params, None, False, [])


def only(crew: Any, node: Node) -> None:
    """Leaves `crew` this node alone."""
    for other in list(crew.nodes.usable.values()):
        if other != node:
            crew.nodes.exclude(other, "is not wanted here", for_good=True)


def groups(params: Params, matching: str, any_hardware: bool) -> list[str | None]:
    from engine.cluster import ClusterCrew

    params = params.model_copy(update={"compare": params.compare.model_copy(update={"matching": matching})})
    crew = ClusterCrew(params, None, any_hardware, [])
    return [crew._group(name) for name in ("reference", "lstm-1", "bilstm-1", "lstm-2", "lstm-setting0")]


def test_only_trials_are_sent_without_the_test_split_whatever_a_variant_is_called(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine import cluster

    test = (TOKENS / "test.arrow").as_posix()
    monkeypatch.setattr(cluster, "files_for", lambda task, params: {})
    monkeypatch.setattr(cluster.ClusterCrew, "_token_files", lambda crew: {test: []})
    crew = cluster.ClusterCrew(params, None, False, [])
    training = Task("trial_lstm-1", ("train@trial_lstm-1", "evaluate@trial_lstm-1"))
    trial = Task("trials lstm-0", ("trial@lstm-0-0",))
    assert [test in crew._work(task).tokens for task in (training, trial)] == [True, False]


def test_a_seed_keeps_to_one_kind_of_hardware_and_all_do_if_they_are_given_the_same_time(params: Params) -> None:
    assert groups(params, "hidden_size", any_hardware=False) == [None, "1", "1", "2", "setting0"]
    assert groups(params, "training_time", any_hardware=False) == [None, "all", "all", "all", "all"]
    assert groups(params, "hidden_size", any_hardware=True) == [None] * 5


def end(job: Any) -> None:
    while not job.ended:
        assert wait([job.output], timeout=60)
        job.advance()


def dying(folder: Path, victims: int) -> Callable[[str, str], dict[str, str]]:
    """As `remote.describe`, in a process that dies the first time on as many nodes."""

    def describe(accelerator: str, stage: str) -> dict[str, str]:
        import ray

        mark = folder / ray.get_runtime_context().get_node_id()
        if not mark.exists() and len(list(folder.iterdir())) < victims:
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return remote.describe(accelerator, stage)

    return describe


def test_a_node_that_could_not_describe_itself_is_asked_again(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.nodes.ASK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr("engine.nodes.remote", type("Remote", (), {"describe": dying(tmp_path, victims=2)}))
    nodes = usable_nodes()
    assert len(nodes.usable) == 1
    assert "127.0.0.1 is not used now: " in capsys.readouterr().out
    nodes.wait_for_answers(60)
    assert len(nodes.usable) == 3
    assert nodes.why_unusable() == ""


def test_a_run_whose_own_node_has_died_ends_in_a_line_also_if_ray_does_not_end_the_process(params: Params) -> None:
    nodes = usable_nodes()
    nodes._own = "of a node that has died"
    with pytest.raises(TrainingError, match=r"this machine's node of the Ray cluster has died; start it again"):
        nodes.wait_for_answers(0.0)


def test_a_node_with_other_libraries_is_named_and_not_used(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.nodes.versions", lambda _: {"torch": "99.1"})
    with pytest.raises(ParamsError, match=r"no node of the cluster can be used; .* has torch .*, this machine 99\.1"):
        usable_nodes()


def test_a_task_whose_node_another_program_has_filled_runs_elsewhere(
    crew: Any, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    monkeypatch.setattr("engine.cluster.SECONDS_TO_START", 1.0)
    monkeypatch.setattr("engine.nodes.ASK_AGAIN_SECONDS", 0.0)
    filled, other, _ = crew.nodes.usable.values()
    where = NodeAffinitySchedulingStrategy(filled.id, soft=False)
    program = ray.remote(type("Program", (), {"is_there": lambda self: True}))
    occupant = program.options(num_cpus=1, scheduling_strategy=where).remote()
    ray.get(occupant.is_there.remote())
    only(crew, filled)
    late = crew.begin(TASK, view)
    while "no other node is free" not in said(view):
        assert wait([late.output], timeout=60)
        late.advance()
    crew._slots.add(other, 1)
    end(late)
    assert (late.is_lost, late.failure) == (True, "")
    crew.nodes.wait_for_answers(1.0)
    assert filled.id not in crew.nodes.usable  # it has no room for the description, either
    elsewhere = crew.begin(TASK, view)
    assert elsewhere.node == other
    ray.kill(occupant)
    crew.nodes.wait_for_answers(60)
    assert crew.nodes.usable[filled.id] == filled
    end(elsewhere)


def test_an_error_of_ray_costs_a_task_an_attempt_and_not_the_run(
    crew: Any, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.cluster import ATTEMPTS

    def work(_: Work) -> Iterator[None]:
        raise FileNotFoundError("the working directory is gone")
        yield

    monkeypatch.setattr("engine.cluster.remote", type("Remote", (), {"work": work}))
    used = []
    for attempt in range(ATTEMPTS):
        job = crew.begin(TASK, view)
        used.append(job.node)
        end(job)
        assert job.is_lost == (attempt + 1 < ATTEMPTS)
    assert len(set(used[:3])) == 3  # each time another node, while there is one
    assert job.failure.startswith(f"failed {ATTEMPTS} times, at last: 127.0.0.1: ")
    assert job.failure.endswith("FileNotFoundError: the working directory is gone")


def test_without_a_node_the_run_waits_for_one_and_then_ends_in_a_line_with_the_reasons(
    crew: Any, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = crew.nodes.usable.values()
    only(crew, first)
    crew.nodes.exclude(first, "has a full disk", for_good=True)
    assert crew.begin(TASK, view) is None
    assert crew.begin(TASK, view) is None
    assert said(view).count("lstm-1 │ no node can run it; waiting for one to join") == 1
    monkeypatch.setattr("engine.cluster.SECONDS_TO_JOIN", 0.0)
    with pytest.raises(TrainingError, match=r"no node can run lstm-1, .*; 127\.0\.0\.1 has a full disk"):
        crew.begin(TASK, view)
