"""The errors that a user can mend. Each message is one line: the key or file, what was found, what is allowed.

`core.command_line` prints them without a traceback; anything else that is raised is a bug of the program and shows one.
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
    """Something the user can mend; one line, also where it quotes a library or a file."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))


class ParamsError(UserError):
    """A value of params.yaml or of the command line, alone or together with others, or with this machine."""


class DataError(UserError):
    """A data set's source, download, archive or content; or an output of an earlier stage that is missing or broken."""


class TrainingError(UserError):
    """A training that cannot go on, such as a loss that is no number."""


class TrackingError(UserError):
    """The MLflow store or server cannot be used."""
