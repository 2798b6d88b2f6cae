"""A model whose texts were cleaned in training (data.clean) cleans those that it classifies."""

import json
from collections import Counter
from pathlib import Path

import pytest

from predictor.files import ModelFiles
from predictor.model_card import _cleaning
from predictor.token_numbers import Encoder
from text.tokenizing.vocabulary import build_vocabulary


@pytest.mark.parametrize(("clean", "words"), [({}, ["br", "film"]), ({"clean": ["html"]}, ["film"])])
def test_texts_are_cleaned_as_in_training(tmp_path: Path, clean: dict[str, list[str]], words: list[str]) -> None:
    vocabulary = build_vocabulary(Counter({"film": 9, "br": 8}), 10, 1)
    (tmp_path / "vocabulary.json").write_text(json.dumps(vocabulary))
    settings = {"tokenizer": "whitespace", "max_tokens": 5, "truncation": "head"}
    config = {"tokenize": settings, "data": {"name": "custom", "digest": "", **clean}}
    encode = Encoder(ModelFiles(config, tmp_path / "weights", tmp_path / "vocabulary.json", None))
    store = encode(["<a> br </a> film" if not clean else "<br /> film"])
    read = [vocabulary[number] for number in store.tokens(0) if vocabulary[number] in ("br", "film")]
    assert read == words
    assert len(store.tokens(0)) == (4 if not clean else 1)


def test_the_model_card_names_the_cleaning() -> None:
    assert _cleaning([]) == ""
    assert "html, urls" in _cleaning(["html", "urls"])
