"""The nodes of a Ray cluster: which ones there are, and which have the same library versions as this machine."""

import time
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from core.errors import ParamsError, TrainingError
from engine import remote
from engine.slots import Node, Slots
from provenance.libraries import versions

LOOK_SECONDS = 2.0  # between two checks of which nodes are alive; Ray sends no notification
FIRST_ANSWER_SECONDS = 60.0  # for the nodes that are there when a run begins
OWN_NODE_DIED = "this machine's node of the Ray cluster has died; start it again (docs/cluster.md)"
NEXT_RUN = "The next run does what is not recorded"
ASK_AGAIN_SECONDS = 10.0  # after a node could not answer


class Nodes:
    """The nodes with this machine's library versions; their slots are added to `slots`.

    Each node is asked to describe itself, by a task that needs as many CPUs and GPUs as the later ones. It is not used
    until it answers. If Ray reports an error instead, the node is asked again, because such errors are temporary (the
    node is still starting, or has died and is still listed). A node with other library versions is not asked again.

    Args:
        stage: the stage whose libraries must have the same versions
        cpus, gpus: how many a task needs
        accelerator: train.accelerator
        slots: gets the slots of the nodes

    Attributes:
        usable: the nodes in use, by id

    Raises:
        ParamsError: no node can be used.
    """

    def __init__(self, stage: str, cpus: int, gpus: int, accelerator: str, slots: Slots) -> None:
        self.usable: dict[str, Node] = {}
        self._stage, self._cpus, self._gpus, self._accelerator = stage, cpus, gpus, accelerator
        self._slots = slots
        self._own = ray.get_runtime_context().get_node_id()
        self._asked: dict[str, Any] = {}  # Ray's references to the descriptions that are awaited, by id
        self._excluded: dict[str, float] = {}  # until when, of time.monotonic, by id
        self._reasons: dict[str, str] = {}  # address and why it is not used, by id
        self._looked = 0.0
        self.wait_for_answers(FIRST_ANSWER_SECONDS)
        if not self.usable:
            raise ParamsError(
                f"no node of the cluster can be used; needed: {cpus} CPUs and {gpus} GPUs{self.why_unusable()}"
            )

    def look(self) -> None:
        """Checks which nodes have joined or left, at most once every LOOK_SECONDS."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self.wait_for_answers(0.0)

    def exclude(self, node: Node, reason: str, for_good: bool) -> None:
        """Stops using the node, `for_good` or until it has described itself again."""
        self.usable.pop(node.id, None)
        self._slots.remove(node)
        self._exclude(node.id, node.address, reason, for_good)

    def why_unusable(self) -> str:
        """Why nodes are not used, as a clause of a sentence; "" if all of them are."""
        return "".join(f"; {reason}" for reason in self._reasons.values())

    def wait_for_answers(self, seconds: float) -> None:
        """Checks the nodes now, and waits up to `seconds` for those that have been asked to describe themselves.

        Raises:
            TrainingError: this machine's node has died. Ray usually ends this process; if not, no task could start.
        """
        alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        if self._own not in alive:
            raise TrainingError(f"{OWN_NODE_DIED}. {NEXT_RUN}")
        for name in self.usable.keys() - alive.keys():
            self._slots.remove(self.usable.pop(name))
        for name in self._reasons.keys() - alive.keys():
            del self._reasons[name]
        for name in alive.keys() - self.usable.keys() - self._asked.keys():
            if self._places(alive[name]) and self._excluded.get(name, 0.0) <= time.monotonic():
                self._asked[name] = self._ask(name)
                self._reasons.setdefault(name, f"{alive[name]['NodeManagerAddress']} has not answered")
        awaited = list(self._asked.values())
        answered = ray.wait(awaited, num_returns=len(awaited), timeout=seconds)[0] if awaited else []
        for name in [name for name, reference in self._asked.items() if reference in answered]:
            self._take_over(name, alive.get(name, {}), self._asked.pop(name))
        self._looked = time.monotonic()

    def _places(self, node: Mapping[str, Any]) -> int:
        """How many tasks a node has room for."""
        cpus, gpus = (int(node["Resources"].get(kind, 0)) for kind in ("CPU", "GPU"))
        return min(cpus // self._cpus, gpus // self._gpus if self._gpus else cpus)

    def _ask(self, name: str) -> Any:
        where = NodeAffinitySchedulingStrategy(name, soft=False)
        describe = ray.remote(max_calls=1, max_retries=0)(remote.describe)
        described = describe.options(num_cpus=self._cpus, num_gpus=self._gpus, scheduling_strategy=where)
        return described.remote(self._accelerator, self._stage)

    def _take_over(self, name: str, listed: Mapping[str, Any], reference: Any) -> None:
        """Adds a node that has described itself, or prints why it is not used."""
        if not listed:
            return  # it has left meanwhile
        address = listed["NodeManagerAddress"]
        try:
            description = ray.get(reference)
        except ray.exceptions.RayError as error:
            self._exclude(name, address, one_line(error), for_good=False)
            return
        for library, version in versions(self._stage).items():
            if (other := description.get(library)) != version:
                self._exclude(name, address, f"has {library} {other}, this machine {version}", for_good=True)
                return
        self.usable[name] = node = Node(name, address, description["hardware"])
        self._slots.add(node, self._places(listed))
        self._reasons.pop(name, None)

    def _exclude(self, name: str, address: str, reason: str, for_good: bool) -> None:
        self._excluded[name] = float("inf") if for_good else time.monotonic() + ASK_AGAIN_SECONDS
        if self._reasons.get(name) != f"{address} {reason}":
            print(f"the node {address} is not used{'' if for_good else ' now'}: {reason}", flush=True)
        self._reasons[name] = f"{address} {reason}"


def one_line(error: Exception) -> str:
    """Ray's error in one line: the last line of a traceback, or else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (
        (lines[-1] if isinstance(error, ray.exceptions.RayTaskError) else lines[0]) if lines else type(error).__name__
    )
