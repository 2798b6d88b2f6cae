"""The ports of this machine on which servers of the project listen."""

import socket

from core.errors import ParamsError

HOST = "127.0.0.1"
MOST_PORT = 65_535


def opened(port: int, command: str) -> socket.socket:
    """A socket bound to this port of 127.0.0.1; port 0 stands for any free port.

    Args:
        port: what --port says.
        command: takes another PORT=…, for the error.

    Raises:
        ParamsError: there is no such port, or it cannot be bound, for example because it is in use.
    """
    if not 0 <= port <= MOST_PORT:
        raise ParamsError(f"--port is {port}; allowed: 0 (any free port) to {MOST_PORT}")
    # asyncio switches off Nagle's algorithm, which would delay each answer by 40 ms, only if the protocol is explicit.
    place = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((HOST, port))
    except OSError as error:
        place.close()
        raise ParamsError(
            f"--port is {port}: {error.strerror}; allowed: a free port, such as {command} PORT=5002"
        ) from None
    return place
