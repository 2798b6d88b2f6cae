"""The cold start: it is over when the clock starts, and a training does not notice it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.warmup import warm_up
from tests.loaded import run_script
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import VOCABULARY_SIZE, order_documents, small_trainer

SCRIPT = Path(__file__).with_name("compiled_by_training.py")
VARIANTS: list[dict[str, Any]] = [
    {"cell": "lstm", "bidirectional": True, "embedding_dropout": 0.3, "head_dropout": 0.3},
    {"cell": "gru", "layers": 2, "layer_dropout": 0.3, "pooling": "attention"},
]


def build(variant: dict[str, Any]) -> ClassifierModule:
    torch.manual_seed(1)
    classifier = plain_classifier(VOCABULARY_SIZE, 2, hidden_size=8, embedding_size=8, **variant)
    chosen: dict[str, Any] = {"schedule": "linear", "warmup_share": 0.1, "class_weight": "none"}
    return plain_module(classifier, learning_rate=0.01, weight_decay=0.1, **chosen)


def test_steps_and_validation_compile_nothing_that_warming_up_has_not() -> None:
    done = run_script(str(SCRIPT))
    assert done.returncode == 0, done.stderr
    compiled = json.loads(done.stdout.splitlines()[-1])
    assert len(compiled) == 5
    for by_warming_up, by_steps in compiled:
        assert by_warming_up > 0
        assert by_steps == 0


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("precision", ["32-true", "64-true"])
def test_warming_up_changes_nothing(variant: dict[str, Any], precision: str) -> None:
    module, documents = build(variant), order_documents(50)
    before, generator = copy.deepcopy(module), torch.get_rng_state()
    seconds = warm_up(small_trainer(precision=precision), module, documents, 10)
    assert seconds > 0
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.get_default_dtype() == torch.float32
    assert module.training
    assert module.classifier.embedding.update_rows is None
    assert all(weights.grad is None for weights in module.parameters())
    for name, weights in module.state_dict().items():
        assert weights.dtype == before.state_dict()[name].dtype
        assert torch.equal(weights, before.state_dict()[name]), name
    same = {"history", "_validation"}
    assert {name: vars(module)[name] for name in same} == {name: vars(before)[name] for name in same}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_training_ends_with_the_same_bits_with_and_without_it(
    variant: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train() -> ClassifierModule:
        module = build(variant)
        documents = order_documents(50), order_documents(20)
        fit(small_trainer(), module, *documents, batch_size=10, seed=1, monitor="validation_loss")
        return module

    warm = train()
    monkeypatch.setattr("models.training.fit.warm_up", lambda *_: 0.0)
    cold = train()
    assert warm.history == cold.history
    for name, weights in warm.state_dict().items():
        assert torch.equal(weights, cold.state_dict()[name]), name
