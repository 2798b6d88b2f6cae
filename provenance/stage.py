"""How a stage of dvc.yaml starts: its arguments, and a check of the code that DVC is about to record."""

import argparse
import os
import re
from collections.abc import Callable
from typing import NoReturn

from config.params import load
from core import command_line
from provenance import code_lists


def run_as_command(stage: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> NoReturn:
    """Runs `stage` as a command; under DVC it refuses to run if its code list differs from the present code."""

    def checked(namespace: argparse.Namespace) -> None:
        if name := os.environ.get("DVC_STAGE", "").partition("@")[0]:
            code_lists.verify(name, load())
        stage(namespace)

    command_line.run(checked, arguments)


def training_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with --variant and --seed; under DVC both come from the stage's name, such as train@bilstm-1.

    So no command in dvc.yaml holds a value of params.yaml, which a shell would interpret before this program checks it.
    """
    result = command_line.parser(description)
    training = os.environ.get("DVC_STAGE", "").rpartition("@")[2]
    match = re.fullmatch(r"(?P<variant>[\w-]+)-(?P<seed>\d+)", training)
    variant, seed = match.groups() if match else (None, None)
    result.add_argument("--variant", default=variant, required=match is None, help="a name in compare.variants")
    result.add_argument("--seed", default=seed, required=match is None, type=int, help="of weights, dropout, shuffling")
    return result
