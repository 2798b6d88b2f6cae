"""What a GPU computes: the CPU's numbers, the same bits again, and exact resumption. Skipped where there is none."""

import copy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.nn.functional import cross_entropy

from config.choices import AdversarialKind, Cell, PoolingName
from core.errors import TrainingError
from models import machine
from models.prediction import predict
from models.training.cost_meter import Costs
from models.training.extra_losses import ExtraLosses
from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs.checkpoints import Checkpoints
from tests import needs
from tests.models.plain import plain_classifier, plain_module
from tests.models.test_resuming import Stop, StopAt, assert_same
from tests.models.toy import VOCABULARY_SIZE, order_documents, skewed_documents, small_trainer
from text.batches import Share, TokenBatches

pytestmark = needs.gpu

CELLS: list[Cell] = ["rnn", "gru", "lstm"]
POOLINGS: list[PoolingName] = ["last", "max", "mean", "attention"]
PRECISIONS = ["32-true", "tf32", "bf16-mixed", "16-mixed", "64-true"]


@pytest.fixture(autouse=True)
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    machine.prepare(1)


def train(
    *callbacks: Callback,
    store: Checkpoints | None = None,
    costs: Costs | None = None,
    rate: float = 0.05,
    documents: int = 50,
    epochs: int = 3,
    precision: str = "32-true",
    strategy: str = "auto",
    eager: bool = False,
    averaging: str = "none",
    batch_tokens: int | None = None,
    extra_losses: ExtraLosses | None = None,
    **variant: Any,
) -> ClassifierModule:
    """In steps of 10 documents; `eager`: not as CUDA graphs."""
    machine.prepare(1, precision)
    torch.manual_seed(1)
    classifier = plain_classifier(
        VOCABULARY_SIZE, 2, **{"bidirectional": True, "embedding_size": 8, "head_dropout": 0.4, **variant}
    )
    module = plain_module(
        classifier,
        learning_rate=rate,
        weight_decay=0.1,
        schedule="cosine",
        warmup_share=0.2,
        class_weight="balanced",
        averaging=averaging,
        averaging_decay=0.9,
        extra_losses=extra_losses,
    )
    trainer = small_trainer(accelerator="gpu", epochs=epochs, precision=precision, strategy=strategy)
    chosen = [*callbacks, *([Eager()] if eager else [])]
    store = store or new_store("train")
    fit(
        trainer,
        module,
        skewed_documents(documents, rare=12),
        order_documents(20),
        batch_size=10,
        batch_tokens=batch_tokens,
        seed=1,
        monitor="validation_loss",
        callbacks=chosen,
        costs=costs,
        checkpointing=Checkpointing(store, store.load(), 2, None),
        unlabelled=order_documents(25) if extra_losses is not None and extra_losses.unlabelled_batch else None,
    )
    return module


class Eager(Callback):
    """Lets Lightning take the steps."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        assert isinstance(pl_module, ClassifierModule)
        for group in pl_module._optimizer.param_groups:
            group["lr"] = float(group["lr"])
        pl_module._graphs = None


def new_store(name: str) -> Checkpoints:
    store = Checkpoints(name)
    store.folder.mkdir(parents=True, exist_ok=True)
    return store


def relative_error(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got.double().cpu() - expected.double().cpu()).norm() / expected.double().norm())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("hidden_size", [16, 50, 80])  # our kernel reads 16 and 50 of an LSTM, cuDNN 80
def test_logits_and_gradients_are_the_cpus(cell: Cell, pooling: PoolingName, layers: int, hidden_size: int) -> None:
    torch.manual_seed(1)
    classifier = plain_classifier(
        VOCABULARY_SIZE, 3, cell=cell, pooling=pooling, layers=layers, hidden_size=hidden_size, bidirectional=True
    )
    # Few and short documents: where two maxima are nearly equal, rounding decides which one gets the gradient.
    batch = TokenBatches(order_documents(8, longest=20))[Share(np.arange(8), 8, 0)]

    def results(device: str) -> tuple[torch.Tensor, torch.Tensor]:
        own = copy.deepcopy(classifier).to(device)
        logits = own(batch.tokens.to(device), batch.lengths.to(device))
        gradients = torch.autograd.grad(cross_entropy(logits, batch.labels.to(device)), list(own.parameters()))
        return logits.detach().cpu(), torch.cat([gradient.flatten() for gradient in gradients]).cpu()

    for on_gpu, on_cpu in zip(results("cuda"), results("cpu"), strict=True):
        # cuDNN's tanh is less exact: an RNN of two layers, with little else to compute, was 1.6e-5 off.
        largest = 2e-5 if cell == "rnn" else 1e-5
        assert float((on_gpu - on_cpu).abs().max() / on_cpu.abs().max()) < largest


@pytest.mark.parametrize(("precision", "largest"), [("32-true", 1e-5), ("tf32", 1e-2), ("bf16-mixed", 5e-2)])
@pytest.mark.parametrize("hidden_size", [64, 512])
def test_a_precision_is_as_exact_as_it_says(precision: str, largest: float, hidden_size: int) -> None:
    machine.prepare(1, precision)
    torch.manual_seed(1)
    classifier = plain_classifier(VOCABULARY_SIZE, 3, cell="lstm", hidden_size=hidden_size)
    batch = TokenBatches(order_documents(40, longest=60))[Share(np.arange(40), 40, 0)]
    expected = copy.deepcopy(classifier).double()(batch.tokens, batch.lengths).detach()
    classifier.cuda()
    with torch.no_grad(), torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16-mixed"):
        error = relative_error(classifier(batch.tokens.cuda(), batch.lengths.cuda()), expected)
    assert error < largest
    if precision != "32-true":
        assert error > 1e-6  # it did compute in that precision


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    "variant",
    [
        {"cell": "lstm", "layers": 2, "layer_dropout": 0.3, "embedding_dropout": 0.2},
        {"cell": "gru", "pooling": "max"},
        {"cell": "lstm", "hidden_size": 100, "pooling": "attention"},
    ],
    ids=["kernel", "gru", "cudnn"],
)
def test_a_training_repeats_itself_to_the_bit(precision: str, variant: dict[str, Any]) -> None:
    first = train(store=new_store("one"), precision=precision, **variant)
    assert_same(train(store=new_store("two"), precision=precision, **variant), first)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_stopped_at_any_step_it_ends_with_the_same_bits(precision: str) -> None:
    variant: dict[str, Any] = {"cell": "lstm", "embedding_dropout": 0.2, "precision": precision}
    whole = train(store=new_store("whole"), documents=54, **variant)  # the last of 6 batches is smaller
    stopped = new_store("stopped")
    for step in (1, 4, 6, 9, 17):
        with pytest.raises(Stop):
            train(StopAt(step), store=stopped, documents=54, **variant)
    assert_same(train(store=stopped, documents=54, **variant), whole)


STRONG: dict[str, Any] = {
    **{"cell": "lstm", "segment": 5, "pooling": ["max", "mean"], "head_size": 8, "word_dropout": 0.1},
    **{"embedding_dropout": 0.3, "locked_dropout": True, "weight_drop": 0.3},
}


@pytest.mark.parametrize("hidden_size", [16, 80])  # our kernel, cuDNN
@pytest.mark.parametrize("averaging", ["ema", "swa"])
@pytest.mark.parametrize("batch_tokens", [None, 100])
def test_strong_models_resume_with_the_same_bits(hidden_size: int, averaging: str, batch_tokens: int | None) -> None:
    chosen = {"averaging": averaging, "batch_tokens": batch_tokens, "hidden_size": hidden_size, **STRONG}
    whole, stopped = train(store=new_store("whole"), **chosen), new_store("stopped")
    for step in (1, 4, 9):
        with pytest.raises(Stop):
            train(StopAt(step), store=stopped, **chosen)
    assert_same(train(store=stopped, **chosen), whole)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("averaging", ["none", "ema", "swa"])
def test_graphs_take_the_steps_that_lightning_takes(precision: str, averaging: str) -> None:
    variant: dict[str, Any] = {"cell": "lstm", "head_dropout": 0.0, "precision": precision, "rate": 0.005}
    variant["averaging"] = averaging
    graphs = train(store=new_store("graphs"), **variant)
    eager = train(store=new_store("eager"), eager=True, **variant)
    for own, other in zip(graphs.history, eager.history, strict=True):
        assert own == pytest.approx(other, rel=1e-4 if precision == "32-true" else 3e-2)
    for name, weights in graphs.state_dict().items():
        assert relative_error(weights, eager.state_dict()[name]) < (1e-4 if precision == "32-true" else 3e-2), name


def test_documents_that_do_not_fit_on_the_gpu_train_as_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    variant: dict[str, Any] = {"cell": "lstm", "head_dropout": 0.0, "rate": 0.005}
    resident = train(store=new_store("resident"), **variant)
    monkeypatch.setattr("models.gpu.documents.SHARE_OF_MEMORY", 0.0)
    sent = train(store=new_store("sent"), **variant)
    assert sent._graphs is None
    for name, weights in resident.state_dict().items():
        assert relative_error(weights, sent.state_dict()[name]) < 1e-4, name


@pytest.mark.parametrize("kind", ["labelled", "both"])
@pytest.mark.parametrize("hidden_size", [16, 80], ids=["kernel", "cudnn"])
def test_graphs_take_adversarial_steps_that_lightning_takes(kind: AdversarialKind, hidden_size: int) -> None:
    extra_losses = ExtraLosses(kind, radius=2.0, weight=0.5, unlabelled_batch=0, entropy_weight=0.1)
    variant: dict[str, Any] = {"cell": "lstm", "hidden_size": hidden_size, "head_dropout": 0.0, "rate": 0.005}
    variant |= {"embedding_normalization": "frequency", "extra_losses": extra_losses}
    with patch("torch.randn_like", torch.ones_like):  # a graph's random numbers are others
        graphs = train(store=new_store("graphs"), **variant)
        eager = train(store=new_store("eager"), eager=True, **variant)
    for name, weights in graphs.state_dict().items():
        assert relative_error(weights, eager.state_dict()[name]) < 1e-3, name


@pytest.mark.parametrize("unlabelled", [0, 7], ids=["in graphs", "with unlabelled documents"])
def test_an_adversarial_training_stopped_at_any_step_ends_with_the_same_bits(unlabelled: int) -> None:
    extra_losses = ExtraLosses("both", radius=2.0, weight=0.5, unlabelled_batch=unlabelled, entropy_weight=0.1)
    variant: dict[str, Any] = {"cell": "lstm", "embedding_dropout": 0.2, "extra_losses": extra_losses}
    variant |= {"embedding_normalization": "frequency"}
    whole, stopped = train(store=new_store("whole"), **variant), new_store("stopped")
    for step in (1, 4, 9):
        with pytest.raises(Stop):
            train(StopAt(step), store=stopped, **variant)
    assert_same(train(store=stopped, **variant), whole)


def test_ddp_runs_on_one_gpu() -> None:
    variant: dict[str, Any] = {"cell": "lstm", "head_dropout": 0.0, "rate": 0.005}
    alone = train(store=new_store("alone"), **variant)
    pair = train(store=new_store("ddp"), strategy="ddp", **variant)
    for own, other in zip(pair.history, alone.history, strict=True):
        assert own == pytest.approx(other, rel=1e-4)


def test_a_loss_that_is_no_number_stops_with_its_step() -> None:
    class Poison(Callback):
        def on_train_batch_start(
            self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
        ) -> None:
            if trainer.global_step == 8:
                with torch.no_grad():
                    next(pl_module.parameters()).fill_(float("nan"))

    with pytest.raises(TrainingError, match="the loss is nan at step 8 with"):
        train(Poison(), cell="lstm")
    assert max(int(path.stem.split("-")[1]) for path in Checkpoints("train").folder.glob("*.ckpt")) <= 8


def test_the_cpu_waits_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[Any] = []

    class Watch(Callback):
        def on_train_batch_start(
            self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
        ) -> None:
            waits_after = batch_idx in (0, 49, 59)  # the first one records the graph
            torch.cuda.set_sync_debug_mode("default" if waits_after else "error")

        def on_train_batch_end(
            self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            torch.cuda.set_sync_debug_mode("default")
            waits.append(getattr(pl_module, "waited", None))

    # All batches are padded to the same length, so no graph is recorded after the first step.
    train(Watch(), cell="lstm", documents=600, epochs=1, store=new_store("waits"))
    assert sum(map(bool, waits)) == 2  # of 60 steps: the 50th and the last


def test_predictions_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(1)
    classifier = plain_classifier(VOCABULARY_SIZE, 2, cell="lstm", bidirectional=True, pooling="max")
    documents = order_documents(300, longest=40)
    on_cpu = predict(classifier, documents, torch.device("cpu"), progress=False)
    on_gpu = predict(classifier, documents, torch.device("cuda"), progress=False)
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=0, atol=1e-6)
