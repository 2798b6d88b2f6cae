"""Errors that a user can fix. Each message is one line: the key or file, what was found, what is allowed.

`core.command_line` prints them without a traceback. Any other exception is a bug and shows one.
"""

import re

_AFTER_SCHEME = re.compile(r"(?<=://)(?:(?![a-z][a-z+]*://)\S)+")
_HOST = re.compile(r"(\[[\da-fA-F:.]+\]|[^\s:@\[\]]*)(:\d+)?[^\w:]*")  # with the quote or comma after the address
_FULL_HOST = re.compile(r"\[.*\].*|localhost.*|[\w-]+(\.[\w-]+)+(:\d*)?|[\w-]+:\d+")
_QUERY = re.compile(r"((?:://|url: /)[^\s'\"?#]*)\?[^\s'\"]*")  # "with url: /…" is how urllib3 says it


def without_secrets(text: str) -> str:
    """The text with its addresses, but without their users, passwords and queries.

    A user and a password may hold any character but white space, even if it should have been encoded. If such a
    character makes it unclear where the host begins, more is left out rather than less. An address without a user is
    left as it is, but for its query.

    Example:
        >>> without_secrets("postgresql://me:secret@host/db?token=x is down")
        'postgresql://host/db is down'
        >>> without_secrets("https://host.org/@scope/package")
        'https://host.org/@scope/package'
    """
    return _QUERY.sub(r"\1", _AFTER_SCHEME.sub(lambda address: _without_user(address[0]), text))


def _without_user(address: str) -> str:
    """What follows the :// of an address, from its host on."""
    authority = re.split(r"[/?#]", address, maxsplit=1)[0]
    user, at, host = authority.rpartition("@")
    if not at and _HOST.fullmatch(authority):
        return address  # there is no user
    address = host + address[len(authority) :]
    if at and (":" not in user or _FULL_HOST.fullmatch(host)):
        return address
    path, mark, query = address.partition("?")
    if at:  # the password may reach beyond a slash; an @ that begins a name belongs to the path
        return re.split(r"(?<!/)@", path)[-1] + mark + query
    return (path.rpartition("@")[2] + mark + query) if "@" in path else address.rpartition("@")[2]


class UserError(Exception):
    """An error that the user can fix; its message is one line without secrets, whatever it quotes."""

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(" ".join(message.splitlines())))


class ParamsError(UserError):
    """A value in params.yaml or on the command line is wrong, or does not fit another value or this machine."""


class DataError(UserError):
    """A data set cannot be fetched or read, or an output of an earlier stage is missing or broken."""


class TrainingError(UserError):
    """A training cannot continue, for example because its loss is not finite."""


class DivergenceError(TrainingError):
    """A training's loss is not finite: its setting is the cause."""


class TrackingError(UserError):
    """The MLflow store or server cannot be used."""
