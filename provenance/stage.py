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
    return _parser(description, r"(?P<variant>[\w-]+)-(?P<seed>\d+)", seed="of weights, dropout, shuffling")


def variant_parser(description: str | None) -> argparse.ArgumentParser:
    """The same for a stage with one argument, --variant, such as tune@bilstm."""
    return _parser(description, r"(?P<variant>[\w-]+)")


def setting_parser(description: str | None) -> argparse.ArgumentParser:
    """The same for --variant and --setting: settings@bilstm-setting0."""
    return _parser(
        description, r"(?P<variant>[\w-]+)-setting(?P<setting>\d+)", setting="its place in compare.settings, from 0"
    )


def _parser(description: str | None, pattern: str, **numbers: str) -> argparse.ArgumentParser:
    """A parser with --variant and an integer option for each of `numbers`, which maps names to help texts.

    `pattern` matches the part of DVC's stage name after the @; its groups are the defaults of the options.
    """
    result = command_line.parser(description)
    named = re.fullmatch(pattern, os.environ.get("DVC_STAGE", "").partition("@")[2])
    values = named.groupdict() if named else {}
    result.add_argument(
        "--variant", default=values.get("variant"), required=not named, help="a name in compare.variants"
    )
    for name, text in numbers.items():
        result.add_argument(f"--{name}", default=values.get(name), required=not named, type=int, help=text)
    return result
