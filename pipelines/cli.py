"""What the commands of all stages share: arguments, one-line errors, true exit codes.

Exit codes: 0 done; 1 a bug or an error the user can mend; 130 stopped by Ctrl-C; 143 stopped by SIGTERM.
"""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from errors import UserError


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends the program the same orderly way as Ctrl-C."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows --debug; `description` is the module's docstring, of which the first line is shown."""
    result = argparse.ArgumentParser(description=(description or "").strip().split("\n")[0])
    result.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return result


def run(stage: Callable[[argparse.Namespace], None], arguments: argparse.ArgumentParser) -> NoReturn:
    """Runs `stage` with the parsed command line and exits; a `UserError` becomes one line on stderr."""
    namespace = arguments.parse_args()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        stage(namespace)
    except UserError as error:
        if namespace.debug:
            raise
        sys.exit(f"error: {error}")
    except Terminated:
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated
