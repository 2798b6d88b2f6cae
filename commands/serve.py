"""Serves the registered model on 127.0.0.1, with a page to try it. `python -m commands.serve --port 5001`.

`make register` comes before. docs/use.md shows a request and its answer.
"""

import argparse

from config.params import load
from core import command_line
from serving.limits import Limits
from serving.server import serve
from tracking.scoring import load_champion


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("--port", type=int, default=5001)
    arguments.add_argument("--max-texts", type=int, default=Limits().texts, help="texts of one request")
    arguments.add_argument("--max-characters", type=int, default=Limits().characters, help="characters of one text")
    command_line.run(_command, arguments)


def _command(chosen: argparse.Namespace) -> None:
    limits = Limits(chosen.max_texts, chosen.max_characters)
    serve(load_champion(load().tracking.experiment), chosen.port, limits)


if __name__ == "__main__":
    main()
