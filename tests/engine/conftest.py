"""A real Ray cluster of three nodes on this machine, and a project to run there, for all tests of a session."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.stand_ins import make_project
from tests.once import made_once
from tests.pipelines.project import run_in

NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}
SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray takes 127.0.0.1 for a mistake, and uses the address that other machines see; with this it does not.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_worker_niceness": "0",  # 15 otherwise: beside other work hardly anything would be left for the nodes
}


def import_ray() -> None:
    """Imports Ray, which then looks whether clusters need a token, once for all tests of a process."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        pytest.importorskip("ray", reason="needs Ray: pip install -r requirements-ray.txt")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """The cluster, of nodes with one CPU each; its address is in RAY_ADDRESS."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        import_ray()
        from ray.cluster_utils import Cluster

        result = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        try:
            for _ in range(2):
                result.add_node(**NODE)
            patch.setenv("RAY_ADDRESS", result.address)
            yield result
        finally:
            result.shutdown()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of quick stages in which only trainings and what follows are due; not to be changed."""

    def make(folder: Path) -> None:
        make_project(folder, {"compare.variants": ["lstm", "bilstm"], "compare.seeds": [3, 1]})
        assert run_in(folder, "dvc", "repro", "match").returncode == 0

    return made_once(tmp_path_factory, "cluster-project", make)


@pytest.fixture
def nodes(cluster: Any) -> Iterator[Any]:
    """The cluster; nodes that a test kills are replaced after it."""
    yield cluster
    for node in [*cluster.worker_nodes]:
        if not node.live_processes() or not _is_alive(node):
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(**NODE)


def _is_alive(node: Any) -> bool:
    return any(name == "raylet" for name, _ in node.live_processes())
