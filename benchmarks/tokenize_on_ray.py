"""The stage tokenize on a Ray cluster of one node on this machine. `python -m benchmarks.tokenize_on_ray 1 4 16`.

Each size, in 25,000 documents of made-up texts (benchmarks/corpus.py), gets a process and a cluster of its own. Prints
what the head does alone, which more nodes do not make faster, and what the nodes share.
"""

import argparse
import json
import os
import resource
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.corpus import draw_texts, draw_words, write_raw

DOCUMENTS = 25_000
ROW_GROUP = 8192  # as the stage download writes them
MEGABYTE = 1e6
ENVIRONMENT = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray takes 127.0.0.1 for a mistake otherwise
    "RAY_worker_niceness": "0",  # 15 otherwise
}


def main() -> None:
    """Prints a line of JSON for each size."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("sizes", type=int, nargs="+", help="times 25,000 documents")
    chosen = arguments.parse_args()
    if len(chosen.sizes) == 1:
        print(json.dumps(measure(chosen.sizes[0])), flush=True)
        return
    for size in chosen.sizes:
        command = [sys.executable, "-m", "benchmarks.tokenize_on_ray", str(size)]
        subprocess.run(command, check=True, env=os.environ | ENVIRONMENT)


def measure(size: int) -> dict[str, float]:
    """Seconds and megabytes of `size` times 25,000 documents."""
    os.environ.update(ENVIRONMENT)
    from ray.cluster_utils import Cluster

    from config.params import load
    from engine.ray_connection import connected
    from engine.tokenizing import on_cluster
    from pipelines.tokenize import make_tokens

    params = load()
    node = {"num_cpus": os.cpu_count(), "node_ip_address": "127.0.0.1", "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    first: dict[str, float] = {}

    def run(*arguments: Any) -> Iterator[Any]:
        """The first pass, with the head's time."""
        began, cpu = time.perf_counter(), time.process_time()
        yield from on_cluster(*arguments)
        first.update(seconds=time.perf_counter() - began, cpu=time.process_time() - cpu)

    try:
        with TemporaryDirectory() as folder, connected(params, cluster.address), workers_memory() as largest:
            raw, tokens = Path(folder, "raw"), Path(folder, "tokens")
            with ProcessPoolExecutor(1, get_context("spawn")) as another:  # whose memory does not count
                text = another.submit(write_texts, raw, size).result()
            began, cpu = time.perf_counter(), time.process_time()
            make_tokens(params.tokenize.model_copy(update={"max_tokens": 400}), tokens, raw, run)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            written = sum(path.stat().st_size for path in tokens.iterdir())
    finally:
        cluster.shutdown()
    return {
        "size": size,
        "megabytes_of_text": round(text / MEGABYTE),
        "seconds": round(seconds, 1),
        "first_pass_seconds": round(first["seconds"], 1),
        "head_cpu_seconds_in_first_pass": round(first["cpu"], 1),
        "head_cpu_seconds_in_second_pass": round(cpu - first["cpu"], 1),
        "head_peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE),
        "largest_worker_megabytes": round(max(largest) / MEGABYTE),
        "megabytes_of_tokens": round(written / MEGABYTE),
    }


def write_texts(folder: Path, size: int) -> int:
    """Writes the stage's input; returns the bytes of its texts."""
    generator = np.random.default_rng(1)
    words = draw_words(generator)
    characters = 0

    def row_groups() -> Iterator[list[str]]:
        nonlocal characters
        for start in range(0, size * DOCUMENTS, ROW_GROUP):
            texts = draw_texts(generator, words, min(ROW_GROUP, size * DOCUMENTS - start))
            characters += sum(map(len, texts))  # all ASCII
            yield texts

    write_raw(folder, row_groups())
    return characters


@contextmanager
def workers_memory() -> Iterator[list[int]]:
    """The memory in use of each of Ray's workers, in bytes, every half second of the block."""
    import psutil

    sizes, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            processes = [process.info for process in psutil.process_iter(["name", "memory_info"])]
            sizes.extend(each["memory_info"].rss for each in processes if each["name"].startswith("ray::tokenize"))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield sizes
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
