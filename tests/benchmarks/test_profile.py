"""The profile is that of the steps that the stage train takes."""

import re

import pytest

from benchmarks import profile
from benchmarks.growth import MadeUp


def test_the_parts_of_a_step_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(profile, "prepare", lambda: None)
    monkeypatch.setattr(profile, "Documents", lambda documents: MadeUp(documents, tokens=20))
    monkeypatch.setattr("sys.argv", ["profile", "--variant", "bilstm", "--steps", "2"])
    profile.main()
    printed = capsys.readouterr().out
    assert all(re.search(rf"\| {part} \| \d+\.\d \|", printed) for part in profile.PARTS)
    assert "_SparseLookup" in printed  # the gradient of words that training reads: only the rows of a batch
