"""`commands.serve --engine ray` on a real cluster: the answers and errors of `make serve`, also to hostile requests.

TORTURE_SEED repeats a session's choices.
"""

import json
import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.paths import RAW, RESULTS
from tests.engine.conftest import cluster
from tests.predictor.project import registered_project
from tests.serving import attacks
from tests.serving.attacks import GOOD, KINDS, MOST_CHARACTERS, MOST_TEXTS, SECRET, check, send
from tests.serving.test_limits import HOSTILE
from tests.serving.test_server import Served, ask, classify, ready, start

__all__ = ["cluster"]  # the fixture

SEED = int(os.environ.get("TORTURE_SEED", random.SystemRandom().randrange(2**32)))
ROUNDS = 30
IN_HTTP = (  # what is wrong with the others, Ray's own HTTP server may notice first
    *(attacks.broken_json, attacks.wrong_types, attacks.deep, attacks.numbers, attacks.encodings, attacks.odd_texts),
    *(attacks.too_much, attacks.repeated_keys, attacks.pipelined),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return registered_project(tmp_path_factory)


@pytest.fixture(scope="module")
def served(project: Path, cluster: Any) -> Iterator[Served]:
    process = start(project, "--engine", "ray", "--replicas", "2")
    try:
        yield ready(process)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def test_the_answers_are_those_of_evaluate(served: Served) -> None:
    texts = pq.read_table(RAW / "test.parquet")["text"].to_pylist()
    expected = np.array(pq.read_table(RESULTS / "bilstm/seed-1/predictions.parquet")["probabilities"].to_pylist())
    together = [list(row["probabilities"].values()) for row in classify(served, texts)]
    assert together == expected.tolist()
    with ThreadPoolExecutor(16) as clients:  # batches of any size, on both replicas
        answers = list(clients.map(lambda text: classify(served, [text])[0], texts * 5))
    alone = np.array([list(row["probabilities"].values()) for row in answers])
    assert np.abs(alone - np.tile(expected, (5, 1))).max() < 1e-6


def test_limits_errors_and_pages_are_those_of_make_serve(served: Served) -> None:
    for body, status, part in HOSTILE.values():
        if status == 400:
            found, content = ask(served, "/invocations", body)
            assert found == 400 and part in content["message"]
    assert ask(served, "/invocations", json.dumps({"inputs": ["a"] * (MOST_TEXTS + 1)}).encode())[0] == 413
    assert ask(served, "/invocations", json.dumps({"inputs": ["a" * (MOST_CHARACTERS + 1)]}).encode())[0] == 413
    assert ask(served, "/health") == (200, None)
    assert ask(served, "/docs")[0] == 404
    assert [word["word"] for word in ask(served, "/explain", b'{"inputs": ["a tedious film"]}')[1]["words"]] == (
        ["a", "tedious", "film"]
    )


def test_hostile_requests(served: Served) -> None:
    draw = random.Random(SEED)
    print(f"\nTORTURE_SEED={SEED}")
    first = ask(served, "/invocations", GOOD)
    for kind in KINDS * ROUNDS:
        attack = kind(draw)
        answers = send(served.port, attack)
        if kind in IN_HTTP:
            check(attack, answers)
        for answer in answers:
            assert answer.status < 500 and b"Traceback" not in answer.body, attack.raw[:300]
            assert answer.status == 200 or SECRET not in answer.body
    assert ask(served, "/invocations", GOOD) == first


def test_a_cluster_serves_one_model(project: Path, served: Served) -> None:
    second = start(project, "--engine", "ray")
    _, errors = second.communicate(timeout=120)
    assert second.returncode == 1
    assert errors.splitlines()[-1].startswith("error: this cluster already runs a server; allowed: one per cluster")
    assert ask(served, "/health")[0] == 200


def test_it_ends_and_leaves_the_cluster_free(project: Path, served: Served) -> None:  # last: it stops the server
    served.process.send_signal(signal.SIGTERM)
    _, errors = served.process.communicate(timeout=120)
    assert served.process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    third = start(project, "--engine", "ray", "--replicas", "99")
    _, errors = third.communicate(timeout=120)
    assert (
        errors.splitlines()[-1] == "error: --replicas is 99; allowed: up to 3, which is what the cluster has room for"
    )
