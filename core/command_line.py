"""What all stages and commands share: arguments, one-line errors, signals, exit codes.

Exit codes: 0 done; 1 an error that the user can fix, or a bug; 130 stopped by Ctrl-C; 143 stopped by SIGTERM.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from traceback import format_exception
from types import FrameType, TracebackType
from typing import NoReturn

from core import orphans
from core.errors import UserError, without_secrets


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends the program as Ctrl-C does."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with --debug; --help shows the first line of `description`, the module's docstring."""
    result = argparse.ArgumentParser(description=(description or "").strip().split("\n")[0])
    result.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return result


def run(command: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> NoReturn:
    """Runs `command` with the parsed command line, and exits as `finish` does."""
    namespace = arguments.parse_args()

    def started() -> None:
        end_with_parent()
        command(namespace)

    finish(started, namespace.debug)


def finish(command: Callable[[], None], debug: bool = False) -> NoReturn:
    """Runs `command`, and exits; a `UserError` becomes one line on stderr, with `debug` a traceback."""
    sys.excepthook = _show_traceback
    signal.signal(signal.SIGTERM, _Terminator())
    try:
        command()
    except UserError as error:
        if debug:
            raise
        sys.exit(f"error: {_one_line(str(error))}")
    except Terminated:
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def _one_line(text: str) -> str:
    """Removes line breaks and terminal control characters: a message may quote files and servers."""
    return "".join(character if character.isprintable() else " " for character in text)


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints the traceback as Python does, without passwords in addresses."""
    print(without_secrets("".join(format_exception(kind, error, trace))), end="", file=sys.stderr)


class _Terminator:
    """Ends the program at the first SIGTERM, and ignores more of them while it ends."""

    def __init__(self) -> None:
        self.ending = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.ending:
            self.ending = True
            raise Terminated


def end_with_parent() -> None:
    """Ends this process soon after its parent is killed, if that is DVC or Lightning's first process.

    Raises:
        Terminated: the parent has died already.
    """
    if "DVC_STAGE" not in os.environ and "LOCAL_RANK" not in os.environ:
        return
    parent = os.getppid()
    # If the parent died while this program was being loaded, its replacement has another process group.
    if os.getpgid(parent) != os.getpgid(0):
        raise Terminated
    orphans.end_with(parent)
