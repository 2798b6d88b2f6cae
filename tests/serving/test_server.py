"""`commands.serve`, as a person starts it: requests, hostile ones, the page in a real browser, and how it ends."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import commands.serve
from core.errors import ParamsError, TrackingError
from core.paths import RAW, RESULTS
from outputs.trained_model import load_classifier
from predictor.files import find_training
from predictor.onnx_graph import onnx_model
from predictor.predictor import Predictor
from predictor.token_numbers import Encoder
from serving.limits import Limits
from serving.server import serve
from tests.browser import MISSING, REASON, open_browser
from tests.engine.conftest import import_ray
from tests.predictor.project import ROOT, call, registered_project
from tests.serving.attacks import KINDS, MOST_CHARACTERS, MOST_TEXTS, check, send
from tests.serving.test_limits import HOSTILE
from tracking.scoring import load_champion


class Served(NamedTuple):
    process: "subprocess.Popen[str]"
    port: int


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return registered_project(tmp_path_factory)


@pytest.fixture(scope="module")
def served(project: Path) -> Iterator[Served]:
    process = start(project)
    yield ready(process)
    process.terminate()
    process.wait()


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


def start(project: Path, *arguments: str) -> "subprocess.Popen[str]":
    limits = ("--max-texts", str(MOST_TEXTS), "--max-characters", str(MOST_CHARACTERS))
    command = [sys.executable, "-m", "commands.serve", "--port", "0", *limits, *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(project)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=project, env=environment, stdout=pipe, stderr=pipe, text=True)


def ready(process: "subprocess.Popen[str]") -> Served:
    """Waits until the server says where it listens."""
    assert process.stdout is not None
    line = next(line for line in process.stdout if line.startswith("ready: http://127.0.0.1:"))
    return Served(process, int(line.strip().rstrip("/").rpartition(":")[2]))


def ask(served: Served, path: str, body: bytes | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    headers = {"content-type": "application/json"}
    connection.request("GET" if body is None else "POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content) if content.strip() else None


def classify(served: Served, texts: list[str]) -> list[dict[str, Any]]:
    status, content = ask(served, "/invocations", json.dumps({"inputs": texts}).encode())
    assert status == 200, content
    predictions: list[dict[str, Any]] = content["predictions"]
    return predictions


def test_it_is_healthy_when_it_is_ready(served: Served) -> None:
    assert ask(served, "/ping") == (200, None)
    assert ask(served, "/health") == (200, None)


def test_evaluate_predictor_onnx_and_server_agree(served: Served) -> None:
    texts = pq.read_table(RAW / "test.parquet")["text"].to_pylist()
    predictions = classify(served, texts)
    probabilities = [list(row["probabilities"].values()) for row in predictions]
    assert probabilities == pq.read_table(RESULTS / "bilstm/seed-1/predictions.parquet")["probabilities"].to_pylist()
    files = find_training("bilstm", 1)
    predictor = Predictor([files])
    assert [row["label"] for row in predictions] == predictor(texts).labels
    assert probabilities == predictor(texts).probabilities.tolist()
    graph = onnx_model(load_classifier(files.config, files.weights)).SerializeToString()
    store = Encoder(files)(texts)
    tokens, lengths = store.batch(np.arange(len(texts)))
    (exported,) = onnxruntime.InferenceSession(graph).run(None, {"tokens": tokens, "lengths": lengths})
    assert np.abs(exported - probabilities).max() < 1e-5


def test_it_explains_a_text_by_its_words(served: Served) -> None:
    text = "A tedious, empty film"
    status, content = ask(served, "/explain", json.dumps({"inputs": [text]}).encode())
    assert status == 200
    assert content["label"] == classify(served, [text])[0]["label"]
    effects = Predictor([find_training("bilstm", 1)]).effects(text)
    assert [word["word"] for word in content["words"]] == ["a", "tedious", ",", "empty", "film"]
    assert [word["effect"] for word in content["words"]] == pytest.approx([effect for _, effect in effects], abs=1e-4)


def test_hostile_requests_get_an_error_and_the_next_good_one_an_answer(served: Served) -> None:
    before = classify(served, ["dull"])
    for body, status, _ in HOSTILE.values():
        if status == 400:
            answered, content = ask(served, "/invocations", body)
            assert answered == 400 and set(content) == {"error_code", "message"}
    draw = random.Random(1)
    for kind in KINDS * 3:
        attack = kind(draw)
        check(attack, send(served.port, attack))
    for text in ("", " ", "\x00", "\u202e" * 100, "💥" * 500, "<script>alert(1)</script>", "a" * 2000):
        assert set(classify(served, [text])[0]) == {"label", "probabilities"}
    assert classify(served, ["dull"]) == before


@pytest.mark.skipif(MISSING, reason=REASON)
def test_the_page_shows_label_probabilities_and_words(served: Served) -> None:
    text = "What a lovely <b>surprise</b>! Number 3"
    (expected,) = classify(served, [text])
    with open_browser() as browser:
        browser.get(f"http://127.0.0.1:{served.port}/")
        submit(browser, text)
        WebDriverWait(browser, 30).until(lambda _: browser.find_element(By.ID, "label").text)
        assert browser.find_element(By.ID, "label").text == expected["label"]
        classes = browser.find_element(By.ID, "classes").text.splitlines()
        shown = {f"{100 * value:.1f} %" for value in expected["probabilities"].values()}
        assert set(classes) == shown | set(expected["probabilities"])
        words = browser.find_elements(By.CSS_SELECTOR, "#words span")
        assert [word.text for word in words[:4]] == ["what", "a", "lovely", "<b>surprise</b>"]
        assert all("log-odds" in str(word.get_attribute("title")) for word in words)
        submit(browser, "a" * 2001)
        error = browser.find_element(By.ID, "error")
        WebDriverWait(browser, 30).until(lambda _: error.text)
        assert error.text == "a text may have at most 2,000 characters; text 1 has 2,001"
        assert not browser.find_element(By.ID, "answer").is_displayed()
        messages = browser.get_log("browser")  # type: ignore[no-untyped-call]
        assert not [entry for entry in messages if "Content Security" in entry["message"]]


def submit(browser: Chrome, text: str) -> None:
    browser.execute_script("document.getElementById('text').value = arguments[0]", text)
    browser.find_element(By.ID, "send").click()


def test_a_port_in_use_is_named_before_the_model_is_warm(served: Served) -> None:
    with pytest.raises(ParamsError, match=f"--port is {served.port}: Address already in use; allowed: a free port"):
        serve(None, served.port, Limits())


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_number_that_is_no_port_is_refused_in_a_line(port: int) -> None:
    assert call(commands.serve, "--port", str(port)) == f"error: --port is {port}; allowed: 0 (any free port) to 65535"


def test_the_smallest_limits_leave_a_server_that_answers(project: Path) -> None:
    process = start(project, "--max-texts", "1", "--max-characters", "1")
    try:
        small = ready(process)
        assert len(classify(small, ["a"])) == 1
        assert ask(small, "/invocations", b'{"inputs": ["ab"]}')[0] == 413
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("option", ["--max-texts", "--max-characters"])
def test_a_limit_below_1_is_refused_in_a_line(option: str) -> None:
    assert call(commands.serve, option, "0") == f"error: {option} is 0; allowed: 1 or more"


def test_without_a_registered_model_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with pytest.raises(TrackingError, match="models:/other@champion is not registered; make register registers"):
        load_champion("other")


def test_what_is_about_a_cluster_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(commands.serve, "--replicas", "2") == (
        "error: --address and --replicas are only for a cluster; allowed: with --engine ray"
    )
    import_ray()
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert str(call(commands.serve, "--engine", "ray", "--port", "0")).startswith("error: RAY_AUTH_MODE is not set")


def test_it_ends_at_once_and_silently(project: Path, served: Served) -> None:  # the last test: it stops the server
    served.process.send_signal(signal.SIGTERM)
    _, errors = served.process.communicate()
    assert served.process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
