"""Which node of a cluster a training may take: all trainings of a group, such as a seed's, get one kind of hardware."""

from collections.abc import Callable
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
    """The free places for trainings on each node.

    Different hardware gives different digits and costs: within a group it would look like a difference of the variants.

    Args:
        group: the group of a training by its name, such as its seed; None: any hardware will do
    """

    def __init__(self, group: Callable[[str], str | None]) -> None:
        self._group = group
        self._hardware: dict[str, str] = {}  # of each group that has begun
        self._free: dict[Node, int] = {}

    def add(self, node: Node, places: int) -> None:
        """A node joins."""
        self._free[node] = places

    def remove(self, node: Node) -> None:
        """A node leaves, or is not to be used any more."""
        self._free.pop(node, None)

    def remember(self, name: str, hardware: str) -> None:
        """The training `name` ran on this hardware, so the others of its group have to as well.

        Raises:
            ParamsError: another one of its group ran on other hardware, or no node has this.
        """
        if not (group := self._group(name)):
            return
        if (other := self._hardware.setdefault(group, hardware)) != hardware:
            raise ParamsError(f"{name} was trained on {hardware}, {GROUP} on {other}; {MEND}")
        if all(node.hardware != hardware for node in self._free):
            raise ParamsError(f"{name} was trained on {hardware}, and {GROUP} would run on other hardware; {MEND}")

    def take(self, name: str, avoid: Node | None = None) -> Node | None:
        """A place for the training `name`, on the node with the most of them; None if there is none now.

        `avoid` is taken only if no other node has one.
        """
        if not (free := [node for node in self.suitable(name) if self._free[node]]):
            return None
        node = max(free, key=lambda each: (each != avoid, self._free[each]))
        self._free[node] -= 1
        if group := self._group(name):
            self._hardware[group] = node.hardware
        return node

    def suitable(self, name: str) -> list[Node]:
        """The nodes, free or not, with the hardware that the training `name` needs."""
        hardware = self._hardware.get(self._group(name) or "")
        return [node for node in self._free if hardware in (None, node.hardware)]

    def give_back(self, node: Node) -> None:
        """Frees a place, if the node is still there."""
        if node in self._free:
            self._free[node] += 1
