"""When finished stages are recorded, and with which others."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from config.params import load
from engine import dvc
from engine.recording import GATHER_SECONDS, Recorder
from tests.pipelines.project import ROOT

STAGES = ("reference", "evaluate@lstm-1", "evaluate@lstm-2", "compare")


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The stages of each commit, which here does nothing."""
    made: list[list[str]] = []

    def start_commit(stages: Sequence[str]) -> "subprocess.Popen[bytes]":
        made.append(list(stages))
        return subprocess.Popen(["true"], stdout=subprocess.PIPE)

    lock_file = tmp_path / "dvc.lock"
    lock_file.touch()
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(dvc, "LOCK_FILE", lock_file)
    monkeypatch.setattr(dvc, "start_commit", start_commit)
    return made


def test_what_finishes_soon_after_another_is_recorded_with_it(
    commits: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("engine.recording.time.monotonic", lambda: now)
    recorder = Recorder(STAGES, load(), say=lambda *_: None)
    assert recorder.seconds_to_wait() is None

    recorder.add(["reference"])
    recorder.advance()
    assert recorder.busy
    now += 10
    recorder.add(["evaluate@lstm-1"])
    recorder.advance()
    assert commits == []
    assert recorder.seconds_to_wait() == GATHER_SECONDS - 10

    now += GATHER_SECONDS - 10
    recorder.advance()
    assert commits == [["reference", "evaluate@lstm-1"]]
    assert recorder.seconds_to_wait() is None  # the commit's end is heard of by its stream
    recorder.add(["evaluate@lstm-2"])
    recorder.finish()
    assert commits[1:] == [["evaluate@lstm-2"]]
    assert recorder.recorded == {"reference", "evaluate@lstm-1", "evaluate@lstm-2"}


def test_what_nothing_follows_is_recorded_at_once(commits: list[list[str]]) -> None:
    recorder = Recorder(STAGES, load(), say=lambda *_: None)
    recorder.add(["compare"])
    recorder.advance(at_once=True)
    assert commits == [["compare"]]
    recorder.finish()
    assert not recorder.busy
