"""Clients that send or read slowly, over real connections: the server closes them, and they do not delay its end."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import NamedTuple

import pytest
import uvicorn

from core.ports import opened
from serving import server
from serving.limits import Limited, Limits, Receive, Scope, Send, answer
from tests.serving.attacks import GOOD, Answer, parsed, post

LENGTH = b"Content-Length: 1000000\r\n\r\n"
JSON = b"Content-Type: application/json\r\n"


LONG = 2**24  # characters of an answer, more than the system buffers


async def long_answers(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers POST with LONG characters."""
    if scope["type"] == "http":
        await answer(send, 200, {"long": "x" * LONG} if scope["method"] == "POST" else {})


class Running(NamedTuple):
    server: uvicorn.Server
    thread: Thread
    port: int


@contextmanager
def running() -> Iterator[Running]:
    """The server with limits, in a thread."""
    with opened(0, "") as place:
        place.listen()
        program = server.server_of(Limited(long_answers, server.ROUTES, Limits()))
        thread = Thread(target=program.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        try:
            yield Running(program, thread, place.getsockname()[1])
        finally:
            program.should_exit = program.force_exit = True
            thread.join()


def connected(to: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", to.port), timeout=60)


def next_answer(connection: socket.socket) -> Answer:
    received = b""
    while not (answers := parsed(received)):
        part = connection.recv(LONG)
        assert part, "the server has closed the connection"
        received += part
    return answers[0]


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /ping HTTP/1.1\r\nHost: x\r\n" + LENGTH, 200),
        (b"POST /nowhere HTTP/1.1\r\nHost: x\r\n" + LENGTH, 404),
        (b"POST /ping HTTP/1.1\r\nHost: x\r\n" + LENGTH, 405),
        (b"POST /invocations HTTP/1.1\r\nHost: x\r\n" + JSON + LENGTH.replace(b"1", b"9"), 413),
        (b"POST /invocations HTTP/1.1\r\nHost: x\r\n" + LENGTH, 415),
    ],
)
def test_a_body_that_comes_slowly_after_the_answer_is_cut_off(
    request_head: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.3)
    with running() as served, connected(served) as connection:
        connection.sendall(request_head)
        assert next_answer(connection).status == status
        assert closed_while_sending(connection)


def closed_while_sending(connection: socket.socket) -> bool:
    """Whether the server closes the connection while this side sends a byte now and then, up to 200 bytes."""
    connection.settimeout(0.1)
    with suppress(ConnectionError):
        for _ in range(200):
            connection.sendall(b"x")
            with suppress(TimeoutError):
                while connection.recv(65_536):
                    pass
                return True
        return False
    return True


def test_a_body_that_comes_soon_after_the_answer_leaves_the_connection_to_the_next_request() -> None:
    body = b"x" * 300_000
    head = post(body, path=b"/nowhere").removesuffix(body)
    with running() as served, connected(served) as connection:
        for _ in range(2):
            connection.sendall(head)
            assert next_answer(connection).status == 404
            connection.sendall(body)


def test_a_client_that_does_not_read_its_answers_cannot_keep_the_server_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.3)
    with running() as served, connected(served) as connection:
        connection.sendall(post(GOOD) * 3)
        assert connection.recv(1)  # the first answer has begun
        served.server.handle_exit(signal.SIGTERM, None)
        served.thread.join(timeout=30)
        assert not served.thread.is_alive()


def test_a_client_that_has_read_a_long_answer_keeps_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 1.0)
    with running() as served, connected(served) as connection:
        connection.sendall(post(GOOD))
        assert len(next_answer(connection).body) > LONG
        connection.settimeout(1.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(post(GOOD))
        assert next_answer(connection).status == 200
