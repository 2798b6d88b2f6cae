"""What several tests of this folder share: a web server on this machine that misbehaves on demand."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Server:
    """Serves `files`; each entry of the lists changes one answer."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # of every answer
    statuses: list[int] = field(default_factory=list)  # instead of the file
    cuts: list[int] = field(default_factory=list)  # bytes of the body after which the connection is closed
    stalls: list[int] = field(default_factory=list)  # bytes of the body after which nothing more comes
    requests: list[str] = field(default_factory=list)
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
    state.requests.append(name)
    status = state.statuses.pop(0) if state.statuses else 200 if name in state.files else 404
    content = state.files.get(name, b"")
    request.send_response(status)
    for header in {"Content-Length": str(len(content)), **state.headers}.items():
        request.send_header(*header)
    request.end_headers()
    stop = (state.cuts or state.stalls or [len(content)])[0]
    request.wfile.write(content[:stop])
    if state.cuts:
        state.cuts.pop(0)
    elif state.stalls:
        state.stalls.pop(0)
        request.wfile.flush()
        state.ended.wait(timeout=30)
