"""What several tests of this folder share: a web server on this machine that can be told to misbehave."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Server:
    """Serves `files`; what is in the lists happens once each, to the next answers."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)  # instead of the file
    cuts: list[int] = field(default_factory=list)  # bytes of the body after which the connection is closed
    stalls: list[int] = field(default_factory=list)  # bytes of the body after which nothing more comes
    ranges: bool = True  # whether a part of a file can be asked for
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, state)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        state.address = f"http://127.0.0.1:{web.server_port}"
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        state.ended.set()
        web.shutdown()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, state: Server) -> None:
    name = request.path.lstrip("/")
    headers = dict(request.headers)
    state.requests.append((name, headers))
    if state.statuses or name not in state.files:
        request.send_error(state.statuses.pop(0) if state.statuses else 404)
        return
    content, etag = state.files[name], state.etags.get(name)
    start = _start(headers, etag) if state.ranges else 0
    if start and start >= len(content):
        request.send_error(416)
        return
    request.send_response(206 if start else 200)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if etag:
        request.send_header("ETag", etag)
    request.send_header("Content-Length", str(len(content) - start))
    request.end_headers()
    stop = (state.cuts or state.stalls or [len(content)])[0]
    request.wfile.write(content[start : start + stop])
    if state.cuts:
        state.cuts.pop(0)
    elif state.stalls:
        state.stalls.pop(0)
        request.wfile.flush()
        state.ended.wait(timeout=30)


def _start(headers: dict[str, str], etag: str | None) -> int:
    if "Range" not in headers or headers.get("If-Range", etag) != etag:
        return 0
    return int(headers["Range"].removeprefix("bytes=").removesuffix("-"))
