"""Long documents: the tokens of a batch, and so the memory it takes, stay within limits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from config.train import TrainParams
from config.variants import VariantParams
from core.errors import ParamsError
from models import memory, prediction
from models.prediction import documents_at_once, predict
from models.training.building import TrainingData, build_classifier
from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs.checkpoints import Checkpoints
from tests.models.plain import plain_classifier, plain_module
from tests.models.test_averaging import store as store
from tests.models.test_resuming import Stop, StopAt, assert_same
from tests.models.toy import VOCABULARY_SIZE, order_documents, small_trainer

CPU = torch.device("cpu")


class Shapes(Callback):
    """(documents, time) of each step."""

    def __init__(self) -> None:
        self.shapes: list[list[int]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.shapes.append(list(batch.tokens.shape))


def train(store: Checkpoints, *callbacks: Callback) -> ClassifierModule:
    torch.manual_seed(1)
    module = plain_module(plain_classifier(VOCABULARY_SIZE, 2, hidden_size=8, embedding_size=8, head_dropout=0.4))
    checkpointing = Checkpointing(store, store.load(), 2, None)
    fit(
        small_trainer(), module, order_documents(50, longest=60), order_documents(20, longest=60),
        batch_size=10, batch_tokens=120, seed=1, monitor="validation_loss", callbacks=callbacks,
        checkpointing=checkpointing,
    )  # fmt: skip
    return module


def test_a_step_has_as_many_documents_as_its_tokens_allow_and_resumes_exactly(
    store: Callable[[str], Checkpoints],
) -> None:
    seen = Shapes()
    whole = train(store("whole"), seen)
    assert all(documents * time <= 120 for documents, time in seen.shapes)
    assert len({documents for documents, _ in seen.shapes}) > 3
    steps = [int(line["step"]) for line in whole.history]
    assert steps[1] == 2 * steps[0] == len(seen.shapes)
    interrupted = store("interrupted")
    for stop in (StopAt(3), StopAt(steps[0] + 1)):
        with pytest.raises(Stop):
            train(interrupted, stop)
    assert_same(train(interrupted), whole)


def test_a_prediction_reads_no_more_tokens_at_once_however_long_documents_are(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = order_documents(60, longest=300)
    classifier = plain_classifier(VOCABULARY_SIZE, 2, pooling=["max", "mean"], segment=20, hidden_size=8)
    expected = predict(classifier, documents, CPU, progress=False)
    sizes: list[int] = []
    classify = classifier.classify

    def recording(words: Any, lengths: Tensor) -> Tensor:
        sizes.append(len(lengths) * int(lengths.max()))
        return classify(words, lengths)

    monkeypatch.setattr(classifier, "classify", recording)
    monkeypatch.setattr(prediction, "BATCH_TOKENS", 700)
    np.testing.assert_allclose(predict(classifier, documents, CPU, progress=False), expected, rtol=0, atol=1e-6)
    assert max(sizes) <= 700
    assert [documents_at_once(classifier, longest, CPU) for longest in (5, 300, 10**6)] == [128, 2, 1]


class Lengths:
    """As much of a split as is looked at before a training."""

    def __init__(self, *lengths: int) -> None:
        self.lengths = np.array(lengths, np.int32)

    def __len__(self) -> int:
        return len(self.lengths)


def test_what_a_step_takes_is_counted_with_its_limit_of_tokens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "_memory", lambda: 2**30)
    split: Any = Lengths(*[10_000] * 50)

    def build(unlabelled: Any = None, **train: Any) -> Any:
        settings = TrainParams.model_validate({"epochs": 1, **train}).model_dump()
        variant = VariantParams.model_validate({"cell": "lstm", "bidirectional": True, "segment": 50}).model_dump()
        config = {"name": "long", "seed": 1, "variant": variant, "train": settings, "labels": ["a", "b"], "tokens": {}}
        return build_classifier({**config, "vocabulary_size": 100}, TrainingData(split, split, unlabelled))

    with pytest.raises(ParamsError, match=r"variants.long has .*, and the largest batch 320,000 tokens"):
        build()
    assert build(batch_tokens=20_000).encoder.segment == 50
    with pytest.raises(ParamsError, match=r"the largest batch 500,000 tokens"):
        build(batch_tokens=10**9)
    virtual = {"kind": "virtual", "unlabelled_batch": 30}  # in each step, beside 2 labelled documents
    with pytest.raises(ParamsError, match=r"the largest batch 320,000 tokens"):
        build(split, batch_tokens=20_000, adversarial=virtual)
