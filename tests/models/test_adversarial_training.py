"""Whole trainings with moved word vectors: repeated, resumed, in two processes, in each precision."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from config.choices import AdversarialKind
from config.train import TrainParams
from models import machine
from models.training.building import as_lightning
from models.training.extra_losses import ExtraLosses
from models.training.fit import fit
from models.training.module import ClassifierModule
from models.training.resuming import Checkpointing
from outputs.checkpoints import Checkpoints
from tests import needs
from tests.loaded import run_script
from tests.models import adversarial_processes
from tests.models.plain import plain_classifier, plain_module
from tests.models.test_resuming import Stop, StopAt, assert_same
from tests.models.toy import VOCABULARY_SIZE, order_documents, skewed_documents, small_trainer
from text.token_counts import token_counts


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def build(kind: AdversarialKind = "both", **changes: Any) -> ClassifierModule:
    torch.manual_seed(1)
    settings: dict[str, Any] = {"hidden_size": 8, "embedding_size": 8, "pooling": "max"}
    settings |= {"embedding_normalization": "frequency", "embedding_dropout": 0.2, "head_dropout": 0.4}
    classifier = plain_classifier(VOCABULARY_SIZE, 2, **settings | changes)
    return plain_module(
        classifier,
        learning_rate=0.03,
        weight_decay=0.1,
        schedule="cosine",
        warmup_share=0.2,
        class_weight="balanced",
        extra_losses=ExtraLosses(kind, radius=2.0, weight=0.5, unlabelled_batch=7, entropy_weight=0.1),
    )


def train(name: str, *callbacks: Callback, module: ClassifierModule | None = None, **changes: Any) -> ClassifierModule:
    module = module or build()
    assert module.extra_losses is not None
    store = Checkpoints(name)
    store.folder.mkdir(parents=True, exist_ok=True)
    fit(
        small_trainer(**changes),
        module,
        skewed_documents(30, rare=10),
        order_documents(20),
        batch_size=10,
        seed=1,
        monitor="validation_loss",
        callbacks=callbacks,
        checkpointing=Checkpointing(store, store.load(), 2, None),
        unlabelled=order_documents(25) if module.extra_losses.unlabelled_batch else None,  # their epochs end elsewhere
    )
    return module


@pytest.mark.parametrize("precision", ["32-true", pytest.param("bf16-mixed", marks=needs.bfloat16)])
@pytest.mark.parametrize("normalization", ["none", "frequency"])
def test_stopped_it_ends_with_the_same_bits(precision: str, normalization: str) -> None:
    def built() -> ClassifierModule:
        return build(embedding_normalization=normalization)

    whole = train("whole", module=built(), precision=precision)
    for stop in (StopAt(1), StopAt(4), StopAt(5)):
        with pytest.raises(Stop):
            train("interrupted", stop, module=built(), precision=precision)
    assert_same(train("interrupted", module=built(), precision=precision), whole)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs 2 cores")
def test_two_processes_take_the_steps_of_one_with_twice_the_batch(tmp_path: Path) -> None:
    adversarial_processes.main(devices=1, batch_size=8, folder=tmp_path)
    done = run_script(adversarial_processes.__file__, "2", "4", str(tmp_path))
    assert done.returncode == 0, done.stderr
    one, two = (load_file(tmp_path / f"{devices}.safetensors") for devices in (1, 2))
    torch.testing.assert_close(two, one, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("precision", "largest"),
    [("64-true", 1e-9), ("32-true", 1e-4), pytest.param("bf16-mixed", 0.1, marks=needs.bfloat16)],
)
def test_a_steps_gradients_are_those_in_float64(precision: str, largest: float) -> None:
    """Of the labelled kind, which draws nothing at random."""

    class Gradients(Callback):
        def on_after_backward(self, trainer: Any, pl_module: Any) -> None:
            if not taken:
                named = pl_module.classifier.named_parameters()
                taken.update({key: weights.grad.double().clone() for key, weights in named})

    class Batches(ClassifierModule):
        def training_step(self, batch: Any, step: int) -> Any:
            batches.append(batch)
            return super().training_step(batch, step)

    taken: dict[str, Any] = {}
    batches: list[Any] = []
    none = {"embedding_dropout": 0.0, "head_dropout": 0.0}
    module = build("labelled", **none)
    module.extra_losses = ExtraLosses("labelled", radius=2.0, weight=0.5, unlabelled_batch=0, entropy_weight=0.0)
    module.__class__ = Batches
    train("one", Gradients(), module=module, precision=precision, epochs=1)

    exact = build("labelled", **none).classifier
    exact.embedding.count(torch.from_numpy(token_counts(skewed_documents(30, rare=10), VOCABULARY_SIZE)))
    exact.double()
    batch = batches[0]
    each = torch.tensor([30 / (2 * 20), 30 / (2 * 10)], dtype=torch.float64)[batch.labels]

    def loss(vectors: torch.Tensor) -> torch.Tensor:
        losses = cross_entropy(exact.classify(vectors, batch.lengths), batch.labels, reduction="none")
        return (each * losses).mean()

    vectors = exact.embedding(batch.tokens)
    (gradient,) = torch.autograd.grad(loss(vectors), vectors, retain_graph=True)
    move = 2.0 * gradient / gradient.flatten(1).norm(dim=1)[:, None, None]
    torch.autograd.backward(loss(vectors) + 0.5 * loss(vectors + move))
    for name, weights in exact.named_parameters():
        assert weights.grad is not None
        error = (taken[name] - weights.grad).norm() / weights.grad.norm()
        assert error < largest, name


def test_params_yaml_chooses_what_is_trained_on() -> None:
    machine.prepare(1)
    chosen = {"adversarial": {"kind": "virtual", "radius": 3.0, "unlabelled_batch": 4}, "entropy_weight": 0.5}
    module, _ = as_lightning(build().classifier, TrainParams.model_validate(chosen))
    assert module.extra_losses == ExtraLosses("virtual", 3.0, 1.0, 4, 0.5)
    assert as_lightning(build().classifier, TrainParams())[0].extra_losses is None
    only_entropy, _ = as_lightning(build().classifier, TrainParams.model_validate({"entropy_weight": 0.5}))
    assert only_entropy.extra_losses == ExtraLosses("none", 5.0, 1.0, 0, 0.5)
