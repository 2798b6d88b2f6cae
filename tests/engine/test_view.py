"""The grid's progress, for a terminal and for a file."""

import io

import pytest
from rich.console import Console

from engine.view import View

EPOCH = "epoch 2/8  train loss 0.5123  accuracy 0.7000  validation loss 0.4567  accuracy 0.8125"


def test_without_a_terminal_each_line_names_its_training() -> None:
    out = io.StringIO()
    with View(["lstm-1", "reference"], Console(file=out, width=60)) as shown:
        shown.begin("lstm-1", "train@lstm-1")
        shown.say("lstm-1", EPOCH)
        shown.say("reference", "  ")
        shown.end("lstm-1", "failed with exit code 1")
    assert out.getvalue().splitlines() == [
        "lstm-1    │ stage train",
        f"lstm-1    │ {EPOCH}",
        "lstm-1    │ failed with exit code 1",
    ]


def test_a_terminal_has_a_line_for_each_training_with_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 130.0])
    monkeypatch.setattr("engine.view.time.monotonic", lambda: next(clock))
    out = io.StringIO()
    with View(["lstm-1", "bilstm-1"], Console(file=out, width=100, force_terminal=True)) as shown:
        shown.begin("lstm-1", "train@lstm-1")
        shown.say("lstm-1", EPOCH)
        shown.say("bilstm-1", "warning: a class is missing")
        table = Console(file=(page := io.StringIO()), width=100)
        table.print(shown._table())
    lines = [line.split() for line in page.getvalue().splitlines()]
    assert lines[1] == ["lstm-1", "train", "2/8", "0.5123", "0.8125", "1:30"]  # 30 s for 2 epochs, 6 are left
    assert lines[2] == ["bilstm-1", "waiting"]
    assert "bilstm-1 │ warning: a class is missing" in out.getvalue()
    assert EPOCH not in out.getvalue()
