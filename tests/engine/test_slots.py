"""Variants of one seed get one kind of hardware, whichever nodes are free."""

import pytest

from core.errors import ParamsError
from engine.slots import Node, Slots

FAST, SLOW, OTHER_FAST = Node("1", "10.0.0.1", "H100"), Node("2", "10.0.0.2", "A10"), Node("3", "10.0.0.3", "H100")


def seed(name: str) -> str | None:
    return None if name == "reference" else name.rpartition("-")[2]


def slots(*nodes: Node, places: int = 1) -> Slots:
    result = Slots(seed)
    for node in nodes:
        result.add(node, places)
    return result


def test_all_variants_of_a_seed_run_on_the_hardware_of_the_first() -> None:
    free = slots(FAST, SLOW)
    first = free.take("lstm-1")
    assert first is not None
    assert free.take("bilstm-1") is None  # the other node is free, but of another kind
    second = free.take("lstm-2")
    assert second is not None
    assert second.hardware != first.hardware
    free.give_back("lstm-1", first, finished=True)
    assert free.take("bilstm-1") == first


def test_any_node_of_the_same_hardware_will_do() -> None:
    free = slots(FAST, OTHER_FAST)
    assert {free.take("lstm-1"), free.take("bilstm-1")} == {FAST, OTHER_FAST}
    assert free.take("lstm-2") is None


def test_the_references_run_on_any_hardware() -> None:
    free = slots(FAST, SLOW)
    assert {free.take("reference"), free.take("reference")} == {FAST, SLOW}


def test_hardware_of_earlier_trainings_counts() -> None:
    free = slots(FAST, SLOW)
    free.remember("lstm-1", SLOW.hardware)
    assert free.take("bilstm-1") == SLOW


def test_hardware_that_the_cluster_lacks_is_refused() -> None:
    with pytest.raises(ParamsError, match=r"lstm-1 was trained on A10, .* --any-hardware allows that"):
        slots(FAST).remember("lstm-1", "A10")


def test_a_seed_whose_variants_were_trained_on_different_hardware_is_refused() -> None:
    free = slots(FAST, SLOW)
    free.remember("lstm-1", "A10")
    free.remember("lstm-2", "H100")
    with pytest.raises(ParamsError, match=r"bilstm-1 was trained on H100, another training .* on A10"):
        free.remember("bilstm-1", "H100")


def test_a_group_of_which_nothing_is_left_may_begin_on_other_hardware() -> None:
    free = slots(FAST, places=2)
    for name in ("lstm-1", "bilstm-1"):
        assert free.take(name) == FAST
    free.remove(FAST)  # it has died
    free.add(SLOW, places=2)
    free.give_back("lstm-1", FAST, finished=False)
    assert free.take("lstm-1") is None  # bilstm-1 may still finish
    free.give_back("bilstm-1", FAST, finished=False)
    assert free.take("lstm-1") == SLOW
    free.give_back("lstm-1", SLOW, finished=True)
    free.remove(SLOW)
    free.add(FAST, places=1)
    assert free.take("bilstm-1") is None
    assert free.hardware("bilstm-1") == SLOW.hardware


def test_a_task_returns_to_a_node_that_lost_it_only_if_no_other_could_run_it() -> None:
    free = slots(FAST, OTHER_FAST)
    assert free.take("lstm-1", avoid={FAST}) == OTHER_FAST
    assert free.take("bilstm-1", avoid={FAST}) is None  # the other one is going to be free
    free.remove(OTHER_FAST)
    assert free.take("bilstm-1", avoid={FAST}) == FAST


def test_a_node_that_has_left_gets_nothing_and_comes_back_without_the_places_that_are_taken() -> None:
    free = slots(FAST, places=2)
    assert free.take("lstm-1") == FAST
    free.remove(FAST)
    assert free.take("lstm-2") is None
    free.add(FAST, places=2)
    assert free.take("lstm-2") == FAST
    assert free.take("lstm-3") is None
    free.give_back("lstm-1", FAST, finished=True)
    assert free.take("lstm-3") == FAST
