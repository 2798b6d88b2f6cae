"""The summary's parameters are the model's, and for the textbook's model those that Keras gives."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from commands.summary import layers, summary
from config.params import Params, load
from config.variants import VariantParams
from core.errors import ParamsError
from models.classifier import TextClassifier

SHIPPED = Path(__file__).parents[2] / "params.yaml"
VARIANTS: list[dict[str, Any]] = [
    {"cell": "lstm", "bidirectional": True, "single_bias": True},
    {"cell": "gru", "layers": 3, "pooling": "attention"},
    {"cell": "lstm", "segment": 5, "pooling": ["max", "mean"], "head_size": 6},
    {"cell": "rnn", "bidirectional": True, "layers": 2, "hidden_size": 7, "single_bias": True},
]


def test_the_textbook_model_is_that_of_keras() -> None:
    variant = VariantParams(cell="lstm", bidirectional=True, single_bias=True)
    embedding, recurrent, pooling, dense = layers(variant, 20_000, 2, 200)
    assert (embedding.shape, embedding.parameters) == (("batch", 200, 128), 2_560_000)
    assert (recurrent.name, recurrent.parameters) == ("Bidirectional(LSTM(64))", 98_816)
    assert (pooling.shape, pooling.parameters) == (("batch", 128), 0)
    assert (dense.shape, dense.parameters) == (("batch", 2), 258)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_lines_add_up_to_the_models_own_count(variant: dict[str, Any]) -> None:
    params = VariantParams(**variant)
    shown, classifier = layers(params, 500, 3, 10), TextClassifier(500, 3, **params.model_dump())
    assert sum(layer.parameters for layer in shown) == classifier.parameter_counts()["total"]
    assert len(shown) == 3 + variant.get("layers", 1) + ("head_size" in variant)


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/tokens").mkdir(parents=True)
    data = {"vocabulary_size": 20_000, "labels": ["negative", "positive"], "tokenize": {"max_tokens": 200}}
    (tmp_path / "data/tokens/summary.json").write_text(json.dumps(data))


def shown(params: Params) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(summary(params, "bilstm"))
    return console.export_text()


@pytest.mark.usefixtures("tokens")
def test_the_table_names_the_second_bias_and_an_unknown_variant_is_refused() -> None:
    text = shown(load(SHIPPED))
    assert "2,659,586" in text
    assert "512 parameters more" in text
    assert "19,998 tokens, <unk> and <pad>" in text
    with pytest.raises(ParamsError, match="--variant is 'bilsm'; allowed: lstm, bilstm"):
        summary(load(SHIPPED), "bilsm")


@pytest.mark.usefixtures("tokens")
def test_the_table_shows_a_list_of_poolings_in_its_brackets() -> None:
    params = load(SHIPPED)
    several = params.variants["bilstm"].model_copy(update={"pooling": ["max", "mean"]})
    text = shown(params.model_copy(update={"variants": params.variants | {"bilstm": several}}))
    assert "pooling: [max, mean]" in text
