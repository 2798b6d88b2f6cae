"""The nodes of a Ray cluster: which there are, whether they can train as this machine would, what is free on them."""

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine import remote
from engine.slots import Node, Slots
from provenance.libraries import versions

WATCH_SECONDS = 2.0  # between two looks at which nodes are alive
DEAD = (ray.exceptions.NodeDiedError, ray.exceptions.LocalRayletDiedError)  # of tasks, seconds before Ray lists it


class Nodes:
    """The nodes of the cluster that can train as this machine would."""

    def __init__(self, cpus: int, gpus: int, accelerator: str, slots: Slots) -> None:
        self.known: dict[str, Node] = {}
        self._cpus, self._gpus, self._accelerator, self._slots = cpus, gpus, accelerator, slots
        self._unusable: set[str] = set()
        self.look()

    def look(self) -> None:
        """Takes over which nodes have joined and left."""
        alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        for gone in self.known.keys() - alive.keys():
            self._slots.remove(self.known.pop(gone))
        places = {name: self._places(alive[name]) for name in alive.keys() - self.known.keys() - self._unusable}
        describe = ray.remote(num_cpus=0, max_calls=1)(remote.describe)
        asked = {
            name: describe.options(scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False)).remote(
                self._accelerator
            )
            for name, number in places.items()
            if number
        }
        for name, reference in asked.items():
            if node := self._described(name, alive[name]["NodeManagerAddress"], reference):
                self.known[name] = node
                self._slots.add(node, places[name])
        self._unusable |= alive.keys() - self.known.keys()

    def exclude(self, node: Node) -> None:
        """The node is not used any more: it is full or dead."""
        self.known.pop(node.id, None)
        self._unusable.add(node.id)
        self._slots.remove(node)

    def _places(self, node: Mapping[str, Any]) -> int:
        """How many trainings a node has room for."""
        cpus, gpus = (int(node["Resources"].get(kind, 0)) for kind in ("CPU", "GPU"))
        return min(cpus // self._cpus, gpus // self._gpus if self._gpus else cpus)

    def _described(self, name: str, address: str, reference: Any) -> Node | None:
        """A node, as it describes itself; None, with a line, if it cannot train as this machine would."""
        try:
            described = ray.get(reference)
        except ray.exceptions.RayError as error:
            print(f"the node {address} is not used: {one_line(error)}", flush=True)
            return None
        for library, version in versions("train").items():
            if (other := described.get(library)) != version:
                print(f"the node {address} is not used: it has {library} {other}, this machine {version}", flush=True)
                return None
        return Node(name, address, described["hardware"])


class Watch:
    """A thread that watches which nodes are alive, since Ray tells nobody.

    Attributes:
        output: file descriptor, readable when nodes have joined or left
    """

    def __init__(self) -> None:
        self.output, self._signal = os.pipe()
        os.set_blocking(self.output, False)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def has_changed(self) -> bool:
        """Whether nodes have joined or left since the last call."""
        with suppress(BlockingIOError):
            return bool(os.read(self.output, 1 << 10))
        return False

    def close(self) -> None:
        """Ends the thread."""
        self._over.set()
        self._thread.join()
        os.close(self._signal)
        os.close(self.output)

    def _watch(self) -> None:
        before = None
        while not self._over.wait(WATCH_SECONDS):
            alive = sorted(node["NodeID"] for node in ray.nodes() if node["Alive"])
            if alive != before:
                os.write(self._signal, b".")
            before = alive


def one_line(error: Exception) -> str:
    """Ray's error in one line: the last line of a traceback, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        (lines[-1] if isinstance(error, ray.exceptions.RayTaskError) else lines[0]) if lines else type(error).__name__
    )
