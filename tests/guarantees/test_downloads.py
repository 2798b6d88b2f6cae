"""Servers that break the rules of HTTP: docs/guarantees.md, Downloads. More in tests/text/test_fetch.py."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from core.errors import DataError
from text.sources.fetch import fetch

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ANSWERS = {
    "nothing": b"",
    "garbage": b"\x00\xff\x01 no HTTP\r\n\r\n",
    "a redirect to itself": b"HTTP/1.1 302 Found\r\nLocation: /data.zip\r\nContent-Length: 0\r\n\r\n",
    "a redirect to a local file": b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    "a redirect to no address": b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\nContent-Length: 0\r\n\r\n",
    "broken chunks": CHUNKED + b"zz\r\nabc",
    "chunks of no size": CHUNKED + b"-5\r\nabc",
    "less than was said": OK + b"Content-Length: 100\r\n\r\nabc",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nabc",
    "an impossible length": OK + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "a part that nobody asked for": b"HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/10\r\n\r\nabcde",
    "success without content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "an unknown status": b"HTTP/1.1 999 Nope\r\nContent-Length: 0\r\n\r\n",
    "a request for a password": b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
    "many headers": OK + b"X: y\r\n" * 500 + b"\r\n",
    "a long header": OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
    "a version that is no text": OK + b"ETag: \xff\xfe\x00\r\nContent-Length: 100\r\n\r\nabc",
}
# How an answer begins, and what the server then repeats for ever, a few bytes at a time.
DRIPS = {
    "a header": (OK + b"X: ", b"y"),
    "a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /data.zip\r\nContent-Length: 99999999\r\n\r\n", b"x"),
    "the content": (OK + b"Content-Length: 99999999\r\n\r\n", b"x"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "the end of chunks": (CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n"),
}


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a server that gives the same bytes to everyone."""
    answer, drip = request.param
    ended = Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(2**16)
                    connection.sendall(answer)
                    while drip and not ended.wait(timeout=0.01):
                        connection.sendall(drip)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/data.zip"
        ended.set()
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("address", [(answer, b"") for answer in ANSWERS.values()], ids=ANSWERS, indirect=True)
def test_what_is_no_proper_answer_is_named_and_not_kept(address: str, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match=r"^http://127\.0\.0\.1:\d+/data\.zip: ") as raised:
            fetch(address, tmp_path / "cache", attempts=2, pause=0.0, timeout=5.0)
        assert "\n" not in str(raised.value)
    assert not [path for path in (tmp_path / "cache").rglob("data.zip") if path.is_file()]


@pytest.mark.parametrize("address", DRIPS.values(), ids=DRIPS, indirect=True)
def test_a_server_that_never_comes_to_an_end_is_given_up(address: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"less than 32 KiB in 0\.3 seconds.*2 attempts$|TooManyRedirects"):
        fetch(address, tmp_path, attempts=2, pause=0.0, timeout=0.3)
