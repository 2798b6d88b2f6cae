"""The study of defaults reads the catalogue's data sets, and its table has what the command line names."""

import json
from pathlib import Path

import pytest

from benchmarks import defaults
from config.data import DataParams


@pytest.mark.parametrize("data", ["trec", "sst2", "sst5", "subj", "cr", "mpqa", "nsmc", "imdb", "synthetic_reviews"])
def test_a_set_is_that_of_the_catalogue(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASETS", "archives")
    assert DataParams.model_validate(defaults.source(data)).name == data


def test_keys_of_each_section_are_told_apart() -> None:
    assert {"word_dropout", "segment", "ngrams"} < defaults.VARIANT
    assert "max_tokens" in defaults.TOKENIZE
    assert not defaults.VARIANT & defaults.TOKENIZE


def test_the_table_has_the_named_settings_and_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("old", 1, 0.5), ("old", 2, 0.75), ("keras max", 1, 0.875)]
    lines = [
        {"data": "cr", "setting": name, "cell": "lstm", "seed": seed, "accuracies": [a], "losses": [1], "seconds": 1}
        for name, seed, a in rows
    ]
    (tmp_path / "defaults.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    monkeypatch.setattr(defaults, "RESULTS", tmp_path / "defaults.jsonl")
    monkeypatch.setattr(defaults, "WORK", tmp_path)
    monkeypatch.setattr(defaults, "linear", lambda _: 0.5)
    monkeypatch.setattr("sys.argv", ["defaults", "table", "--sets", "cr", "--settings", "old", "--seeds", "2"])
    defaults.main()
    printed = capsys.readouterr().out
    assert "75.0" in printed
    assert "keras max" not in printed
