"""train.class_weight: the weights, the gradient they give, and what they do and do not change."""

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn.functional import cross_entropy

from config.choices import ClassWeight
from config.train import TrainParams
from models.classifier import TextClassifier
from models.prediction import predict
from models.training.building import as_lightning
from models.training.fit import fit
from models.training.loss import balanced
from models.training.module import ClassifierModule
from tests import needs
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import VOCABULARY_SIZE, MemoryDocuments, order_documents, skewed_documents, small_trainer
from text.batches import Share, TokenBatches

PRECISIONS = ["32-true", "64-true", pytest.param("bf16-mixed", marks=needs.bfloat16)]


class Gradients(Callback):
    """What each step's backward pass gave the head's weights, before clipping."""

    def __init__(self) -> None:
        self.gradients: list[Tensor] = []
        self.batches: list[Any] = []
        self.weights: list[dict[str, Tensor]] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        assert isinstance(pl_module, ClassifierModule)
        self.batches.append(batch)
        self.weights.append({name: value.clone() for name, value in pl_module.classifier.state_dict().items()})

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, ClassifierModule)
        gradient = pl_module.classifier.head.weight.grad
        assert gradient is not None
        self.gradients.append(gradient.clone())


def classifier() -> TextClassifier:
    torch.manual_seed(1)
    return plain_classifier(VOCABULARY_SIZE, 2, cell="lstm", bidirectional=True, hidden_size=8, embedding_size=8)


def train(
    documents: MemoryDocuments,
    class_weight: ClassWeight,
    *callbacks: Callback,
    precision: str = "32-true",
    epochs: int = 2,
    validation: MemoryDocuments | None = None,
) -> ClassifierModule:
    module = plain_module(
        classifier(),
        learning_rate=0.01,
        weight_decay=0.0,
        schedule="constant",
        warmup_share=0.0,
        class_weight=class_weight,
        layer_rates=1.0,
        unfreeze=0,
    )
    trainer = small_trainer(precision=precision, epochs=epochs)
    chosen: dict[str, Any] = {"batch_size": 10, "seed": 1, "monitor": "validation_loss", "callbacks": callbacks}
    fit(trainer, module, documents, validation or order_documents(40), **chosen)
    return module


@pytest.mark.parametrize("counts", [[5, 5], [90, 10], [1, 30, 69], [7, 7, 7]])
def test_weights_are_scikit_learns_and_their_mean_over_documents_is_one(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)

    weights = balanced(labels, len(counts)).numpy()

    assert weights == pytest.approx(compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels))
    assert weights[labels].mean() == pytest.approx(1)


def test_a_class_without_training_documents_does_not_change_the_weights_of_the_others() -> None:
    labels = np.array([0, 0, 0, 2], np.int32)

    assert balanced(labels, 3).tolist() == [4 / 6, 0, 4 / 2]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_equal_classes_give_the_same_bits_as_no_weights(precision: str) -> None:
    documents = skewed_documents(90, rare=45)

    weighted, plain = (train(documents, choice, precision=precision) for choice in ("balanced", "none"))

    assert weighted.history == plain.history
    for name, value in weighted.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name]), name


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_steps_gradient_is_that_of_the_mean_of_weighted_losses_in_plain_pytorch(precision: str) -> None:
    documents = skewed_documents(60, rare=9)
    taken = Gradients()

    train(documents, "balanced", taken, precision=precision, epochs=1)

    for batch, weights, gradient in zip(taken.batches, taken.weights, taken.gradients, strict=True):
        plain = classifier().double()
        plain.load_state_dict(weights)
        logits = plain(batch.tokens, batch.lengths)
        each = [60 / (2 * 51), 60 / (2 * 9)]
        loss = cross_entropy(logits, batch.labels, weight=torch.tensor(each, dtype=torch.float64), reduction="none")
        (expected,) = torch.autograd.grad(loss.mean(), plain.head.weight)
        tolerance = {"64-true": 1e-12, "32-true": 1e-5, "bf16-mixed": 3e-2}[precision] * float(expected.abs().max())
        torch.testing.assert_close(gradient.double(), expected, rtol=0, atol=tolerance)
    assert len(taken.gradients) == 6


def test_what_the_history_tells_is_unweighted() -> None:
    documents = skewed_documents(60, rare=9)

    taken = Gradients()

    module = train(documents, "balanced", taken, epochs=1, validation=documents)

    losses = 0.0
    for batch, weights in zip(taken.batches, taken.weights, strict=True):
        as_it_was = classifier()
        as_it_was.load_state_dict(weights)
        logits = as_it_was(batch.tokens, batch.lengths)
        losses += cross_entropy(logits, batch.labels, reduction="sum").item()
    assert module.history[0]["train_loss"] == pytest.approx(losses / 60, abs=1e-5)
    probabilities = predict(module.classifier, documents, torch.device("cpu"))
    own = probabilities[np.arange(60), documents.labels]
    assert module.history[0]["validation_loss"] == pytest.approx(float(-np.log(own).mean()), abs=1e-5)


def test_weights_find_more_of_a_rare_class_that_looks_much_like_the_common_one() -> None:
    rng = np.random.default_rng(3)

    def draw(rows: int) -> MemoryDocuments:
        labels = (rng.random(rows) < 0.1).astype(np.int32)
        telling = rng.random((rows, 8)) < np.where(labels, 0.5, 0.25)[:, None]  # (rows, tokens)
        tokens = np.where(telling, 2, rng.integers(3, VOCABULARY_SIZE, (rows, 8))).astype(np.int32)
        return MemoryDocuments(list(tokens), labels)

    documents, validation, test = draw(400), draw(100), draw(500)
    scores = {}
    for choice in ("none", "balanced"):
        module = train(documents, choice, epochs=4, validation=validation)
        predicted = predict(module.classifier, test, torch.device("cpu")).argmax(axis=1)
        scores[choice] = balanced_accuracy_score(test.labels, predicted)

    assert scores["balanced"] > scores["none"] + 0.05


def test_params_yaml_chooses_the_weights() -> None:
    module, _ = as_lightning(classifier(), TrainParams(class_weight="balanced"))

    module.weigh(np.array([0, 0, 0, 1], np.int32))

    assert module.class_weights is not None
    assert module.class_weights.tolist() == [4 / 6, 4 / 2]


@pytest.mark.parametrize("weighted", [False, True])
def test_label_smoothing_gives_all_classes_a_share_of_each_documents_target(weighted: bool) -> None:
    module = plain_module(classifier(), label_smoothing=0.2)
    module.class_weights = torch.tensor([0.5, 2.0]) if weighted else None
    batch = TokenBatches(order_documents(6))[Share(np.arange(6), 6, 0)]
    loss, totals = module.step_loss(batch)
    logs = module.classifier(batch.tokens, batch.lengths).log_softmax(dim=1).detach()
    expected = 0.0
    for row, label in enumerate(batch.labels.tolist()):
        own = -(0.8 * logs[row, label] + 0.1 * logs[row].sum())
        expected += float(own) * ([0.5, 2.0][label] if weighted else 1.0)
    assert float(loss.detach()) == pytest.approx(expected / 6, rel=1e-6)
    assert float(totals.loss) == pytest.approx(-float(logs[torch.arange(6), batch.labels].sum()), rel=1e-6)
