"""Which node of a cluster a task may take: all trainings of a group, such as a seed's, get one kind of hardware."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

from core.errors import ParamsError

GROUP = "another training with which it is compared"
MEND = "--any-hardware allows that, unless compare.matching is training_time"


class Node(NamedTuple):
    """A node of the cluster: its id, its address, and its hardware, the name of its GPU or CPU."""

    id: str
    address: str
    hardware: str


class Slots:
    """The slots for tasks on each node.

    Other hardware gives other last digits and costs; within a group that would look like a difference between variants.
    A group keeps its hardware while one of its trainings is running there, and for good once one has finished.

    Args:
        group: the group of a training by its name, such as its seed; None: any hardware will do
    """

    def __init__(self, group: Callable[[str], str | None]) -> None:
        self._group = group
        self._hardware: dict[str, str] = {}  # of each group that has one
        self._at_work: Counter[str] = Counter()  # trainings of each group
        self._finished: set[str] = set()  # groups of which a training has finished
        self._places: dict[Node, int] = {}
        self._taken: Counter[Node] = Counter()  # also of nodes that have left

    def add(self, node: Node, places: int) -> None:
        """A node joins, maybe again."""
        self._places[node] = places

    def remove(self, node: Node) -> None:
        """A node leaves, or is not to be used any more."""
        self._places.pop(node, None)

    def total(self) -> int:
        """How many places there are, free or not."""
        return sum(self._places.values())

    def remember(self, name: str, hardware: str) -> None:
        """Notes that the training `name` ran on this hardware, so that the rest of its group has to as well.

        Raises:
            ParamsError: another training of its group ran on other hardware, or no node has this hardware.
        """
        if not (group := self._group(name)):
            return
        self._finished.add(group)
        if (other := self._hardware.setdefault(group, hardware)) != hardware:
            raise ParamsError(f"{name} was trained on {hardware}, {GROUP} on {other}; {MEND}")
        if all(node.hardware != hardware for node in self._places):
            raise ParamsError(f"{name} was trained on {hardware}, and {GROUP} would run on other hardware; {MEND}")

    def take(self, name: str, avoid: Collection[Node] = ()) -> Node | None:
        """Takes a slot for the task `name` on the node with the most free slots; None if no slot is free.

        A node to `avoid` is used only if no other node, free or not, could run the task.
        """
        has_others = bool(set(self.suitable(name)).difference(avoid))
        free = self.free(name, avoid if has_others else ())
        if not free:
            return None
        node = max(free, key=free.__getitem__)
        self._taken[node] += 1
        if group := self._group(name):
            self._hardware[group] = node.hardware
            self._at_work[group] += 1
        return node

    def suitable(self, name: str) -> list[Node]:
        """The nodes, free or not, with the hardware that the task `name` needs."""
        hardware = self.hardware(name)
        return [node for node in self._places if hardware in (None, node.hardware)]

    def free(self, name: str, avoid: Collection[Node]) -> dict[Node, int]:
        """The nodes that can run the task `name` now, except those to `avoid`, with their numbers of free slots."""
        places = {node: self._places[node] - self._taken[node] for node in self.suitable(name) if node not in avoid}
        return {node: number for node, number in places.items() if number > 0}

    def hardware(self, name: str) -> str | None:
        """The hardware that the task `name` needs; None: any."""
        return self._hardware.get(self._group(name) or "")

    def give_back(self, name: str, node: Node, finished: bool) -> None:
        """Frees the slot of the task `name`.

        Args:
            name: the task's name
            node: the node on which it ran
            finished: whether it left a result; until one of its group does, the group may move to other hardware
        """
        self._taken[node] -= 1
        if group := self._group(name):
            self._at_work[group] -= 1
            if finished:
                self._finished.add(group)
            elif not self._at_work[group] and group not in self._finished:
                del self._hardware[group]
