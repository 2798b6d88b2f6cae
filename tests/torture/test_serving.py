"""10,000 hostile requests to `commands.serve`: each gets a short error or an answer, and the server stays healthy."""

import http.client
import json
import random
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.predictor.project import registered_project
from tests.serving.test_limits import HOSTILE
from tests.serving.test_server import Served, classify, start

REQUESTS = 10_000
MOST_GROWTH = 200e6  # bytes


def test_ten_thousand_hostile_requests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> None:
    folder: Path = registered_project(tmp_path_factory)
    monkeypatch.chdir(folder)
    with start(folder, "0") as process:
        assert process.stdout is not None
        ready = next(line for line in process.stdout if line.startswith("ready: "))
        served = Served(process, int(ready.strip().rstrip("/").rpartition(":")[2]))
        draw = random.Random(1)
        before, memory = classify(served, ["dull"]), psutil.Process(process.pid).memory_info().rss
        statuses: dict[int, int] = {}
        for number in range(REQUESTS):
            status = raw(served.port, draw) if number % 10 == 0 else posted(served.port, draw)
            statuses[status] = statuses.get(status, 0) + 1
        print(statuses)
        assert statuses.keys() <= {0, 200, 400, 404, 405, 413, 415}
        assert classify(served, ["dull"]) == before
        assert psutil.Process(process.pid).memory_info().rss - memory < MOST_GROWTH
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
        assert process.returncode == 128 + signal.SIGTERM
        assert "Traceback" not in errors


def posted(port: int, draw: random.Random) -> int:
    """The status of an HTTP request with a hostile path, type or body; its error is short and quotes nothing."""
    body = draw.choice([case[0] for case in HOSTILE.values()])
    if draw.random() < 0.3:  # a few bytes changed
        changed = bytearray(body[:1000] or b"x")
        for _ in range(3):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        body = bytes(changed)
    path = draw.choice(["/invocations"] * 6 + ["/explain", "/", "/docs", "/../etc/passwd", "/ping", "/%00"])
    kind = draw.choice(["application/json"] * 8 + ["text/csv", "application/x-parquet", "multipart/form-data", "\x7f"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(draw.choice(["POST"] * 9 + ["PUT"]), path, body, {"content-type": kind})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        assert len(content) < 1000 and b"zyzzyva" not in content and b"File" not in content
        if response.status != 400 or content.startswith(b"{"):  # else h11's own, of a request that is no HTTP
            assert set(json.loads(content)) == {"error_code", "message"}
    return response.status


def raw(port: int, draw: random.Random) -> int:
    """The status of what is no HTTP, or a part of it; 0 if the server closes the connection."""
    start = draw.choice(
        [b"", b"POST /invocations HTTP/1.1\r\n", b"GET /ping HTTP/1.1\r\nhost: x\r\n\r\n" * 3, b"\x16\x03\x01"]
    )
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(start + draw.randbytes(draw.randrange(200)) + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(2000)
        assert b"Traceback" not in answer
        if answer.startswith(b"HTTP/1.1 "):
            return int(answer[9:12])
    return 0
