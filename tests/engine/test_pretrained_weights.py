"""A node gets the pretrained weights where a stage looks for them, beside the tokens."""

from pathlib import Path
from typing import Any

import pytest

from core.file_io import write_json
from core.paths import PRETRAINED, TOKENS
from engine import remote
from engine.remote import Work
from outputs.pretrained import WEIGHTS
from tests.engine.conftest import import_ray


def test_the_head_sends_them_if_there_are_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ray()
    from engine.cluster import _large_files

    monkeypatch.chdir(tmp_path)
    write_json(TOKENS / "summary.json", {"checksums": {"train.arrow": "sha256:1"}})
    write_json(PRETRAINED / "pretrained.json", {"objective": "none"})
    assert _large_files() == {TOKENS / "train.arrow": "sha256:1"}
    write_json(PRETRAINED / "pretrained.json", {"objective": "lm", "checksum": "sha256:2"})
    assert _large_files() == {TOKENS / "train.arrow": "sha256:1", PRETRAINED / WEIGHTS: "sha256:2"}


def test_a_node_lays_them_out_as_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = tmp_path / "fetched"
    fetched.write_bytes(b"weights")
    monkeypatch.setattr(remote, "_fetched", lambda path, parts: fetched)
    files: dict[str, tuple[str, list[Any]]] = {
        "data/tokens/train.arrow": ("sha256:1", []),
        f"data/pretrained/{WEIGHTS}": ("sha256:2", []),
    }
    remote._lay_out(tmp_path / "root", tmp_path, Work((), {}, files, {}, None))
    for name in files:
        assert (tmp_path / "root" / name).read_bytes() == b"weights"
