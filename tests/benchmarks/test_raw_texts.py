"""The project's candidate predicts with the corpus's vocabulary and the pooling of its peers."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import raw_texts
from benchmarks.corpus import draw_texts, draw_words, write_raw
from config.tokenize import TokenizeParams
from pipelines.tokenize import make_tokens
from predictor.files import find_model
from predictor.predictor import Predictor


def test_the_untrained_model_reads_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    texts = draw_texts(generator, draw_words(generator)[:500], 50)
    (tmp_path / "data").mkdir()
    write_raw(tmp_path / "data" / "raw", [texts[:30], texts[30:]])
    make_tokens(TokenizeParams(max_tokens=400), tmp_path / "data" / "tokens", tmp_path / "data" / "raw")
    monkeypatch.setattr(raw_texts, "PROJECT", tmp_path)
    raw_texts.write_model(tmp_path / "untrained")
    monkeypatch.chdir(tmp_path)
    model = find_model(tmp_path / "untrained")
    assert model.config["variant"]["pooling"] == "last"
    assert model.config["vocabulary_size"] > 400
    assert Predictor([model]).labels == ["a", "b"]
