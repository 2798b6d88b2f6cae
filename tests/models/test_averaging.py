"""Averaged weights: those of a plain loop, however rows are updated, and those that are validated, kept and resumed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.averaging import AVERAGE, AveragingAdamW, Share
from models.cpu import adamw
from models.cpu.adamw import RowwiseAdamW
from models.prediction import predict
from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs.checkpoints import Checkpoints
from tests.models.plain import plain_classifier, plain_module
from tests.models.test_adamw import STEPS, as_rows, gradients
from tests.models.test_resuming import Stop, StopAt, assert_same
from tests.models.toy import VOCABULARY_SIZE, order_documents, small_trainer

EMA, SWA = Share("ema", 0.7, STEPS), Share("swa", 0.999, STEPS)


def ema(past: list[Tensor]) -> Tensor:
    """By definition, from the weights after each step."""
    average = past[0]
    for t, weights in enumerate(past[1:], 2):
        decay = min(0.7, (t - 1) / (t + 8))
        average = decay * average + (1 - decay) * weights
    return average


def swa(past: list[Tensor]) -> Tensor:
    last_quarter = past[STEPS * 3 // 4 :]
    return torch.stack(last_quarter).mean(dim=0) if last_quarter else past[-1]


@pytest.mark.parametrize(("share", "by_definition"), [(EMA, ema), (SWA, swa)], ids=["ema", "swa"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), density=st.sampled_from([0.0, 0.1, 1.0]))
def test_averages_are_those_of_a_plain_loop(
    share: Share, by_definition: Callable[[list[Tensor]], Tensor], seed: int, density: float
) -> None:
    start = torch.randn(30, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    dense, rowwise, on_gpus, plain = (start.clone().requires_grad_() for _ in range(4))
    rates: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.1}
    lazy = RowwiseAdamW([rowwise], averaging=share, **rates)
    others = [RowwiseAdamW([dense], averaging=share, **rates), AveragingAdamW([on_gpus], averaging=share, **rates)]
    reference, past = torch.optim.AdamW([plain], **rates), []
    for gradient in gradients(seed, density):
        rowwise.grad = as_rows(gradient)
        dense.grad = on_gpus.grad = plain.grad = gradient
        for optimizer in (lazy, *others, reference):
            optimizer.step()
        past.append(plain.detach().clone())
        lazy.catch_up(rowwise, (torch.rand(30) < 0.3).nonzero()[:, 0].int())
        for weights, optimizer in zip((dense, on_gpus), others, strict=True):
            expected = by_definition(past)
            torch.testing.assert_close(optimizer.state[weights][AVERAGE], expected, rtol=1e-11, atol=1e-13)
    lazy.catch_up(rowwise)
    torch.testing.assert_close(lazy.state[rowwise][AVERAGE], by_definition(past), rtol=1e-11, atol=1e-13)


def test_how_often_rows_catch_up_changes_no_bit_of_their_averages(monkeypatch: pytest.MonkeyPatch) -> None:
    def averaged(catches_up: Callable[[int], Tensor | None]) -> Tensor:
        weights = torch.ones(30, 5, requires_grad=True)
        optimizer = RowwiseAdamW([weights], lr=0.1, weight_decay=0.1, averaging=EMA)
        for step, gradient in enumerate(gradients(1, 0.2)):
            weights.grad = as_rows(gradient.float())
            optimizer.step()
            optimizer.catch_up(weights, catches_up(step))
        optimizer.catch_up(weights)
        average: Tensor = optimizer.state[weights][AVERAGE]
        return average

    seldom = averaged(lambda _: torch.arange(0).int())
    assert torch.equal(averaged(lambda _: None), seldom)
    monkeypatch.setattr(adamw, "REMEMBERED", 3)
    assert torch.equal(averaged(lambda step: torch.arange(step, 30, 3).int()), seldom)


def train(store: Checkpoints, *callbacks: Any, epochs: int = 2, **changes: Any) -> ClassifierModule:
    torch.manual_seed(1)
    classifier = plain_classifier(VOCABULARY_SIZE, 2, hidden_size=8, embedding_size=8)
    module = plain_module(classifier, **{"learning_rate": 0.05, "averaging": "ema", "averaging_decay": 0.9, **changes})
    checkpointing = Checkpointing(store, store.load(), 2, None)
    fit(
        small_trainer(epochs=epochs), module, order_documents(50), order_documents(20),
        batch_size=10, seed=1, monitor="validation_loss", callbacks=callbacks, checkpointing=checkpointing,
    )  # fmt: skip
    return module


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Checkpoints]:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))

    def new(name: str) -> Checkpoints:
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        return Checkpoints(name)

    return new


@pytest.mark.parametrize("averaging", ["ema", "swa"])
def test_the_averages_are_validated_and_kept_while_training_goes_on_with_the_weights(
    averaging: str, store: Callable[[str], Checkpoints]
) -> None:
    module, plain = train(store("averaged"), averaging=averaging), train(store("plain"), averaging="none")
    for line, without in zip(module.history, plain.history, strict=True):
        assert line["train_loss"] == without["train_loss"]
        assert line["gradient_norm_max"] == without["gradient_norm_max"]
    assert module.history[-1]["validation_loss"] != plain.history[-1]["validation_loss"]
    validation = order_documents(20)
    probabilities = torch.from_numpy(predict(module.classifier, validation, torch.device("cpu")))
    own = probabilities[torch.arange(20), torch.from_numpy(validation.labels).long()]
    best = min(line["validation_loss"] for line in module.history)
    assert float(-own.log().mean()) == pytest.approx(best, abs=1e-6)


def test_stopped_at_any_step_it_ends_with_the_same_averages(store: Callable[[str], Checkpoints]) -> None:
    whole = train(store("whole"))
    for stop in (StopAt(3), StopAt(4), StopAt(5, in_validation=True), StopAt(6)):
        interrupted = store(f"stop-{stop.step}")
        with pytest.raises(Stop):
            train(interrupted, stop)
        assert_same(train(interrupted), whole)
