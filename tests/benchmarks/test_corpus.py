"""The project of the benches has what a training needs, from wherever the data comes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from benchmarks import corpus

ROOT = Path(__file__).parents[2]


@pytest.fixture
def done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `prepare` does, in an empty folder: the sections of params.yaml that it changes, then the stages."""
    calls: list[Any] = []
    monkeypatch.setattr(corpus, "WORK", tmp_path / "work")
    monkeypatch.setattr(corpus, "copy_project", lambda _, changes: calls.append(changes))
    monkeypatch.setattr(corpus, "run_stages", lambda *stages: calls.extend(stages))
    for name in ("write_made_up", "_write_plain", "refresh_code"):
        monkeypatch.setattr(corpus, name, lambda *_: None)
    monkeypatch.chdir(tmp_path)
    return calls


def test_all_stages_before_the_training_run(done: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATASETS", raising=False)
    stages = list(YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"])
    before = stages[1 : stages.index("train")]  # `check` first, which needs DVC
    corpus.prepare()
    assert [stage.split()[0] for stage in done[1:]] == [*before, "tune"]  # for two variants
    done.clear()
    corpus.prepare()
    assert "tune --variant lstm" in done  # an older project, which lacks it, gets it as well


def test_a_relative_folder_of_data_is_found_from_the_project(done: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASETS", "archives")
    corpus.prepare()
    assert done[0]["data"] == {"name": "imdb", "source": str(Path.cwd() / "archives" / "aclImdb_v1.tar.gz")}


def test_a_copy_begins_anew_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "refresh_code", lambda folder: shutil.copy(ROOT / "params.yaml", folder))
    half = tmp_path / "project"
    half.mkdir()
    (half / "half a file").touch()
    corpus.copy_project(half, {"train": {"epochs": 7}})
    assert not (half / "half a file").exists()
    assert (half / ".dvc" / "config").exists()
    assert YAML(typ="safe").load(half / "params.yaml")["train"]["epochs"] == 7
