"""A server that goes away ends no training, and learns everything when it is there again."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from core.errors import TrackingError
from tests.tracking.server import Server
from tests.tracking.test_runs import CONFIG
from tracking import send
from tracking.client import OutboxClient
from tracking.runs import comparison_run, find_run, log_configuration, training_run
from tracking.store import open_experiment

HISTORY = [{"train_loss": 0.5}, {"train_loss": 0.25}, {"train_loss": 0.125}]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Not started yet; what the tests tell goes there."""
    result = Server(tmp_path / "server")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", result.address)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    yield result
    result.stop()


def waiting(folder: Path) -> list[Path]:
    return [path for path in (folder / "mlflow.outbox").rglob("*") if path.is_file() and path.name != ".lock"]


def found(server: Server) -> tuple[MlflowClient, list[MlflowRun]]:
    client = MlflowClient(server.address)
    (experiment,) = [entry for entry in client.search_experiments() if entry.name != "Default"]
    return client, list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"]))


def check_training(client: MlflowClient, run: MlflowRun) -> None:
    assert run.info.status == "FINISHED"
    assert run.data.tags["signature"] == "s2"
    assert run.data.params["variant.bidirectional"] == "True"
    assert run.inputs is not None
    assert run.inputs.dataset_inputs[0].dataset.name == "toy"
    losses = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "train_loss")]
    assert losses == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert {entry.path for entry in client.list_artifacts(run.info.run_id)} == {"history.json", "curves"}
    assert [entry.path for entry in client.list_artifacts(run.info.run_id, "curves")] == ["curves/history.json"]


def train(folder: Path, server: Server, dies_after: int | None = None, returns_after: int | None = None) -> str:
    (folder / "curves").mkdir(exist_ok=True)
    for name in ("history.json", "curves/history.json"):
        (folder / name).write_text("[]")
    with training_run("e", "bilstm", 2, "s2") as run:
        log_configuration(run, CONFIG)
        for step, line in enumerate(HISTORY, 1):
            run.log_metrics(line, step=step)
            if step == dies_after:
                server.stop()
            if step == returns_after:
                server.start()
        run.log_artifacts([folder / "history.json"])
        run.log_artifacts([folder / "curves"], "curves")
    return run.run_id


def evaluate_and_compare() -> None:
    run = find_run("e", "s2")
    assert run is not None
    run.log_metrics({"test_accuracy": 0.75})
    with comparison_run("e", "comparison", "c1", ["s2"], {"verdict": "a tie"}, "Nobody won.") as parent:
        parent.log_metrics({"lstm.accuracy": 0.5})


def check_evaluation_and_comparison(runs: list[MlflowRun]) -> None:
    training, comparison = runs
    assert training.data.metrics["test_accuracy"] == 0.75
    assert comparison.data.metrics["lstm.accuracy"] == 0.5
    assert comparison.info.status == "FINISHED"
    assert training.data.tags["mlflow.parentRunId"] == comparison.info.run_id
    note = unquote(comparison.data.tags["mlflow.note.content"])
    assert f'compare-runs?runs=["{training.info.run_id}"]&experiments=["{comparison.info.experiment_id}"]' in note


def test_a_server_that_goes_away_in_mid_run_learns_the_rest_later(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.start()
    train(tmp_path, server, dies_after=1)
    evaluate_and_compare()
    assert waiting(tmp_path)
    warnings = [line for line in capsys.readouterr().err.splitlines() if "MLflow cannot be told" in line]
    assert len(warnings) == 1

    server.start()
    open_experiment("e")

    assert waiting(tmp_path) == []
    client, runs = found(server)
    check_training(client, runs[0])
    check_evaluation_and_comparison(runs)


def test_a_server_that_was_down_from_the_start_learns_everything_later(tmp_path: Path, server: Server) -> None:
    name = train(tmp_path, server)
    evaluate_and_compare()

    server.start()
    open_experiment("e")

    assert waiting(tmp_path) == []
    client, runs = found(server)
    assert name not in [run.info.run_id for run in runs]
    check_training(client, runs[0])
    check_evaluation_and_comparison(runs)


def test_calls_that_were_damaged_are_named_and_hold_up_no_other_run(
    tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path, server)
    with training_run("e", "lstm", 1, "s1") as run:
        run.log_metrics({"train_loss": 0.5}, step=1)
    (damaged,) = [path for path in waiting(tmp_path) if path.name == "calls.jsonl" and b'"s1"' in path.read_bytes()]
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-20] + b"\xff\n")
    capsys.readouterr()

    server.start()
    monkeypatch.setattr("sys.argv", ["send", "--experiment", "e"])
    monkeypatch.setattr(OutboxClient, "_said", set())  # as in a process of its own
    with pytest.raises(SystemExit, match=r"^\d+ calls to 1 runs still wait in "):
        send.main()

    client, (training,) = found(server)
    check_training(client, training)
    damaged.write_bytes(content)
    send.main()
    printed = capsys.readouterr()
    assert printed.out.endswith("nothing waits\n")
    assert f"MLflow cannot be told ({damaged} is broken (" in printed.err
    assert {entry.data.tags["signature"] for entry in found(server)[1]} == {"s1", "s2"}


def test_a_server_that_never_answers_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with training_run("e", "lstm", 1, "s1") as run:
            run.log_metrics({"train_loss": 0.5}, step=1)
    assert [path.name for path in waiting(tmp_path)] == ["calls.jsonl"]


def test_a_server_that_comes_to_no_end_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first asking gets the beginning of a header, the second one that of the content, and more of it for ever."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    answers = [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"]
    ended = Event()
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def serve() -> None:
            while answers:
                connection, _ = dripping.accept()
                with connection, suppress(OSError):
                    connection.sendall(answers.pop(0))
                    while not ended.wait(timeout=0.01):
                        connection.sendall(b" ")

        thread = Thread(target=serve, daemon=True)
        thread.start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{dripping.getsockname()[1]}")
        with training_run("e", "lstm", 1, "s1") as run:
            run.log_metrics({"train_loss": 0.5}, step=1)
        ended.set()
        thread.join()
    (calls,) = waiting(tmp_path)
    assert calls.name == "calls.jsonl"
    assert [json.loads(line)["call"] for line in calls.open()] == ["create_run", "log_batch", "set_terminated"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_says_no_is_named_at_once_without_its_password(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")  # restored afterwards
    with HTTPServer(("127.0.0.1", 0), Handler) as web:
        Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{web.server_port}")
        with pytest.raises(TrackingError, match=r"the MLflow store http://127\.0\.0\.1:\d+ cannot be used") as raised:
            open_experiment("e")
        web.shutdown()
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value) + str(raised.value.__cause__)
