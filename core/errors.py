"""Errors that a user can fix. Each message is one line: the key or file, what was found, what is allowed.

`core.command_line` prints them without a traceback. Any other exception is a bug and shows one.
"""

import re

# User and password before an address's host, and the query behind it.
_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s'\"]*|[^\s/]*)@")
_QUERY = re.compile(r"((?:://|url: /)[^\s'\"?#]*)\?[^\s'\"]*")  # "with url: /…" is how urllib3 says it


def without_secrets(text: str) -> str:
    """The text with its addresses, but without what may be secret in them.

    Example:
        >>> without_secrets("postgresql://me:secret@host/db?token=x is down")
        'postgresql://host/db is down'
    """
    return _QUERY.sub(r"\1", _CREDENTIALS.sub("", text))


class UserError(Exception):
    """An error that the user can fix; its message is one line, also if it quotes a library or a file."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class ParamsError(UserError):
    """A value in params.yaml or on the command line is wrong, does not fit another one, or not this machine."""


class DataError(UserError):
    """A data set cannot be fetched or read, or an output of an earlier stage is missing or broken."""


class TrainingError(UserError):
    """A training cannot continue, for example because its loss is not finite."""


class TrackingError(UserError):
    """The MLflow store or server cannot be used."""
