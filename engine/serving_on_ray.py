"""`make serve` on a Ray cluster: replicas of the server's application (serving/server.py) on the nodes.

    clients → Ray's proxy on the head, 127.0.0.1 → a replica: limits, batches by padded tokens, the model

Ray gives each request to the less busy of two replicas, which classifies all waiting requests together. A replica is a
process. It gets the model from the head, so that a node needs neither MLflow's store nor a copy of this project.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
from filelock import FileLock
from ray import serve

from config.params import Params
from config.train import TrainParams
from core.errors import ParamsError
from core.ports import HOST, opened
from engine.nodes import one_line
from engine.ray_connection import connected
from serving.limits import App, Limits
from serving.server import THREADS, application, say_ready, use_threads, warm
from tracking.scoring import download_champion, load_folder

NAME = "lstm-vs-bilstm"
MOST_WAITING = 1024  # requests that no replica has begun; more get status 503
CONTROLLER = "SERVE_CONTROLLER_ACTOR"  # Ray's name of what manages all applications of a cluster


@serve.deployment(name=NAME, max_ongoing_requests=THREADS, max_queued_requests=MOST_WAITING)
@serve.ingress()
class Replica:
    """One process that serves the model.

    Args:
        digest: that of `files`; replicas on one node share the folder of this name, and with it the compiled loops.
        files: those of the model, content by path.
        limits: of a request.
    """

    def __init__(self, digest: str, files: dict[str, bytes], limits: Limits) -> None:
        folder = Path(digest)  # in the node's copy of the source files, which Ray makes the working directory
        with FileLock(f"{digest}.lock"):
            if not folder.exists():
                _write(folder, files)
        self._made = application(load_folder(folder), limits)
        self._limits = limits

    async def __serve_build_asgi_app__(self) -> App:
        """Ray calls this once, and sends requests when it has returned."""
        use_threads()
        await warm(self._made, self._limits)
        return self._made


def serve_on_cluster(params: Params, address: str | None, port: int, limits: Limits, replicas: int | None) -> None:
    """Serves until SIGINT or SIGTERM on the port of the cluster's head; 0 takes a free one.

    Args:
        params: name the registered model.
        address: of the cluster, as `ray.init` takes it; None: RAY_ADDRESS, or the cluster that this machine belongs to.
        port: of 127.0.0.1.
        limits: of a request.
        replicas: how many; None: as many as the cluster has room for.

    Raises:
        ParamsError: the cluster or the port cannot be used, or there is no room for the replicas.
        TrackingError: no model is registered.
    """
    with opened(port, "make serve ENGINE=ray") as place:
        port = place.getsockname()[1]
    files = _champion(params.tracking.experiment)
    digest = hashlib.sha256(b"".join(name.encode() + content for name, content in files.items())).hexdigest()
    needs = _needs(files)
    params = params.model_copy(update={"train": TrainParams()})  # what `connected` checks is about trainings
    with connected(params, address), _serve(port):
        room = _room(needs)
        number = max(room, 1) if replicas is None else replicas
        if not 1 <= number <= room:
            raise ParamsError(f"--replicas is {number}; allowed: up to {room}, which is what the cluster has room for")
        deployment: Any = Replica  # which Ray's decorators have made of the class
        deployment = deployment.options(num_replicas=number, ray_actor_options=needs)
        try:
            serve.run(deployment.bind(digest, files, limits), name=NAME, route_prefix="/")
        except (RuntimeError, ray.exceptions.RayError) as error:
            raise ParamsError(f"the replicas cannot start: {one_line(error)}") from None
        say_ready(port)
        threading.Event().wait()


def _champion(name: str) -> dict[str, bytes]:
    """The files of the registered model `name`, content by path."""
    with TemporaryDirectory() as folder:
        download_champion(name, Path(folder))
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@contextmanager
def _serve(port: int) -> Iterator[None]:
    """Ray Serve on the connected cluster, for the block.

    Raises:
        ParamsError: something is served there already.
    """
    if any(actor["name"] == CONTROLLER for actor in ray.util.list_named_actors(all_namespaces=True)):
        raise ParamsError("this cluster already runs a server; allowed: one per cluster (serve shutdown ends it)")
    try:
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        serve.start(proxy_location="HeadOnly", http_options={"host": HOST, "port": port})
        yield
    finally:
        serve.shutdown()


def _needs(files: dict[str, bytes]) -> dict[str, int]:
    """The CPUs and GPUs of a replica, which are those of a training on one device."""
    config = next(content for name, content in files.items() if name.endswith("/config.json"))
    train = json.loads(config)["train"]
    return {"num_cpus": train["threads"], "num_gpus": int(train["accelerator"] == "gpu")}


def _room(needs: dict[str, int]) -> int:
    """How many replicas fit into what is free of the cluster."""
    free = ray.available_resources()
    return min(
        int(free.get(kind, 0)) // needs[key] for key, kind in (("num_cpus", "CPU"), ("num_gpus", "GPU")) if needs[key]
    )


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Writes the files, by their paths in `folder`, which appears when it is complete."""
    with TemporaryDirectory(dir=folder.parent) as temporary:
        whole = Path(temporary) / folder.name
        for name, content in files.items():
            path = whole / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        whole.rename(folder)
