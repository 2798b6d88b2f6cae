"""Latency and throughput of `make serve` with so many clients at once. `python -m benchmarks.serve 8`.

Each client sends a text of 200 tokens, waits for the answer, and sends the next. The clients share the machine with the
server. The model is the shipped bilstm, one seed, on the built-in data; made once, in benchmarks/.work/serve.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from typing import Any

from benchmarks.corpus import WORK, copy_project, refresh_code

PROJECT = WORK / "serve"
TOKENS = 200
SECONDS = 10.0
CLIENTS = (1, 8, 32)


def main() -> None:
    """Prints one line of JSON: documents per second, and percentiles of the milliseconds until the answer."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("clients", type=int)
    chosen = arguments.parse_args()
    prepare()
    command = [sys.executable, "-m", "commands.serve", "--port", "0"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            ready = next(line for line in server.stdout if line.startswith("ready"))
            port = int(ready.rstrip("/\n").rpartition(":")[2])
            milliseconds, seconds = asyncio.run(measure(port, chosen.clients))
        finally:
            server.terminate()
    milliseconds.sort()
    percentiles = {f"p{share}": milliseconds[len(milliseconds) * share // 100] for share in (50, 95, 99)}
    print(json.dumps({"value": len(milliseconds) / seconds, **percentiles}))


def prepare() -> None:
    """Trains the model, if that was not done, and registers it."""
    if not (PROJECT / "reports" / "comparison.json").exists():
        copy_project(PROJECT, {"train": {"epochs": 1}, "compare": {"seeds": [1]}})
        subprocess.run([sys.executable, "-m", "commands.run"], cwd=PROJECT, check=True, stdout=sys.stderr)
    refresh_code(PROJECT)
    command = [sys.executable, "-m", "commands.register", "--variant", "bilstm", "--seed", "1"]
    subprocess.run(command, cwd=PROJECT, check=True, stdout=sys.stderr)


async def measure(port: int, clients: int) -> tuple[list[float], float]:
    """The milliseconds of each request of all clients, and how long they took together."""
    requests = [request(text) for text in texts(64)]
    started = time.perf_counter()
    found = await asyncio.gather(*(client(port, requests, started + SECONDS, number) for number in range(clients)))
    return [each for milliseconds in found for each in milliseconds], time.perf_counter() - started


async def client(port: int, requests: list[bytes], end: float, number: int) -> list[float]:
    """Sends one request after another over one connection until `end`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    milliseconds: list[float] = []
    while (sent := time.perf_counter()) < end:
        writer.write(requests[(number + len(milliseconds)) % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"error: the server answered {head!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        milliseconds.append((time.perf_counter() - sent) * 1000)
    writer.close()
    return milliseconds


def request(text: str) -> bytes:
    """An HTTP request with this text."""
    body = json.dumps({"inputs": [text]}).encode()
    head = "POST /invocations HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def texts(number: int) -> list[str]:
    """Texts of 200 tokens, of the words that the model knows."""
    vocabulary: Any = json.loads((PROJECT / "data/tokens/vocabulary.json").read_text(encoding="utf-8"))
    words = [word for word in vocabulary if word.isalpha()]
    generator = random.Random(1)
    return [" ".join(generator.choices(words, k=TOKENS)) for _ in range(number)]


if __name__ == "__main__":
    main()
