"""10,000 hostile requests to `commands.serve`: each is refused in a line or answered, and the server stays as it was.

REQUESTS (10000) is how many; TORTURE_SEED repeats a session's choices. Slow clients hold their connections meanwhile.
"""

import os
import random
import signal
import socket
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.predictor.project import registered_project
from tests.serving.attacks import GOOD, KINDS, SECRET, Answer, Attack, check, post, send
from tests.serving.test_server import Served, ready, start

REQUESTS = int(os.environ.get("REQUESTS", "10000"))
SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(2**32)))
MOST_GROWTH = 150e6  # bytes
SLOW = 20  # clients of each kind
DRIP_SECONDS = 2.0


def test_hostile_requests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder: Path = registered_project(tmp_path_factory)
    monkeypatch.chdir(folder)
    process = start(folder)
    try:
        attack_server(ready(process))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
        assert process.returncode == 128 + signal.SIGTERM
        assert "Traceback" not in errors and SECRET.decode() not in errors
    finally:
        process.kill()


def attack_server(served: Served) -> None:
    slow = [SlowClient(served.port, whole) for whole in (False, True) for _ in range(SLOW)]
    draw, server, statuses = random.Random(SEED), psutil.Process(served.process.pid), Counter[str]()
    print(f"\nTORTURE_SEED={SEED}")
    first, memory, most = good(served), server.memory_info().rss, 0
    for number in range(REQUESTS):
        kind = KINDS[number % len(KINDS)]
        attack = kind(draw)
        answers = send(served.port, attack)
        check(attack, answers)
        statuses.update(f"{kind.__name__} {answer.status}" for answer in answers or [Answer(0, b"", b"")])
        most = max(most, server.memory_info().rss)
        if number % 500 == 0:
            assert good(served) == first
    print(dict(sorted(statuses.items())), f"memory {memory / 1e6:.0f} MB, at most {most / 1e6:.0f} MB")
    for client in slow:
        client.check()
    assert good(served) == first
    assert most - memory < MOST_GROWTH


def good(served: Served) -> bytes:
    """The answer to the same question, without its date."""
    (answer,) = send(served.port, Attack(post(GOOD), ({200},)))
    assert answer.status == 200
    return b"\r\n".join(line for line in answer.head.split(b"\r\n") if not line.startswith(b"date:")) + answer.body


class SlowClient(threading.Thread):
    """Sends a byte every two seconds, of a request's head or (`whole`) of its body, until the server closes."""

    def __init__(self, port: int, whole: bool) -> None:
        super().__init__(daemon=True)
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=DRIP_SECONDS)
        self._whole = whole
        self.answer = b""
        self.start()

    def run(self) -> None:
        """Until the server closes the connection, or has answered."""
        request = post(GOOD * 100)
        with suppress(ConnectionError), self._connection as connection:
            begin = request.index(b"\r\n\r\n") + 4 if self._whole else 0
            connection.sendall(request[:begin])
            for byte in request[begin:]:
                connection.sendall(bytes([byte]))
                with suppress(TimeoutError):
                    part = connection.recv(65_536)
                    self.answer += part
                    if not part:
                        return

    def check(self) -> None:
        """It was ended by the server: a slow head without an answer, a slow body with status 408."""
        self.join(timeout=120)
        assert not self.is_alive()
        assert self.answer.startswith(b"HTTP/1.1 408") if self._whole else not self.answer
