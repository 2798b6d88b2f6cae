"""Serves the registered model on 127.0.0.1, with a page to try it. `python -m commands.serve --port 5001`.

Run `make register` first. docs/use.md shows a request and its answer, and how to serve on several machines.
"""

import argparse
from importlib.util import find_spec

from config.params import load
from core import command_line
from core.errors import ParamsError
from serving.limits import Limits
from serving.server import serve
from tracking.scoring import load_champion


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--port", type=int, default=5001)
    arguments.add_argument("--max-texts", type=int, default=Limits().texts, help="most texts in a request")
    arguments.add_argument("--max-characters", type=int, default=Limits().characters, help="most characters in a text")
    arguments.add_argument("--engine", choices=("local", "ray"), default="local", help="ray: on a cluster")
    arguments.add_argument("--address", help="of the Ray cluster (default: RAY_ADDRESS, or this machine's)")
    arguments.add_argument("--replicas", type=int, help="copies of the model on the cluster (default: all that fit)")
    command_line.run(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    for option, value in (("--max-texts", chosen.max_texts), ("--max-characters", chosen.max_characters)):
        if value < 1:
            raise ParamsError(f"{option} is {value}; allowed: 1 or more")
    limits = Limits(chosen.max_texts, chosen.max_characters)
    if chosen.engine == "ray":
        if find_spec("ray") is None:
            raise ParamsError("--engine ray needs Ray, which is not installed: pip install -r requirements-ray.txt")
        from engine.serving_on_ray import serve_on_cluster

        serve_on_cluster(load(), chosen.address, chosen.port, limits, chosen.replicas)
    elif chosen.address is not None or chosen.replicas is not None:
        raise ParamsError("--address and --replicas are only for a cluster; allowed: with --engine ray")
    else:
        serve(load_champion(load().tracking.experiment), chosen.port, limits)


if __name__ == "__main__":
    main()
