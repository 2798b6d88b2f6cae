"""train.adversarial and train.entropy_weight: the loss and its gradients are those of plain autograd."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

import models.gpu.backend
from config.choices import AdversarialKind
from models.classifier import TextClassifier
from models.cpu.word_vectors import by_position
from models.training.extra_losses import SMALL, ExtraLosses, Texts, of_length
from tests import needs
from tests.models.plain import plain_classifier

WORDS, CLASSES = 30, 3
KINDS = get_args(AdversarialKind)
LABELLED = Texts(
    torch.tensor([[2, 3, 2, 4, 9], [7, 2, 8, 1, 1], [3, 1, 1, 1, 1]], dtype=torch.int32), torch.tensor([5, 3, 1])
)
UNLABELLED = Texts(
    torch.tensor([[5, 3, 6, 6, 7, 8, 9], [4, 4, 2, 1, 1, 1, 1]], dtype=torch.int32), torch.tensor([7, 3])
)
LABELS = torch.tensor([0, 2, 1])
MODELS: list[dict[str, Any]] = [
    {"cell": "lstm", "bidirectional": True, "pooling": "max"},
    {"cell": "gru", "layers": 2, "pooling": "attention"},
    {"cell": "rnn", "pooling": "last", "single_bias": True},
]


def build(**changes: Any) -> TextClassifier:
    torch.manual_seed(3)
    chosen = {"hidden_size": 6, "embedding_size": 5, "embedding_normalization": "frequency", **changes}
    classifier = plain_classifier(WORDS, CLASSES, **chosen).double()
    classifier.embedding.count(torch.arange(WORDS))
    return classifier


def mean_loss(logits: Tensor) -> Tensor:
    """With class weights; over more documents than this process has."""
    weight = torch.tensor([0.5, 1.0, 2.0], dtype=logits.dtype)
    return cross_entropy(logits, LABELS, weight=weight, reduction="sum") / 7


def unit(gradient: Tensor) -> Tensor:
    """Each document's gradient, divided by its Euclidean norm, document by document."""
    return torch.stack([of / of.square().sum().sqrt() for of in gradient])


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    p, q = logits.softmax(dim=1), others.softmax(dim=1)
    return (p * (p.log() - q.log())).sum()


def plainly(
    classifier: TextClassifier, extra_losses: ExtraLosses, unlabelled: Texts | None, share: float
) -> tuple[Tensor, Tensor]:
    """The same loss by plain autograd, term by term, with every document's vectors and its own graph."""
    own = extra_losses.kind
    vectors = classifier.embedding(LABELLED.tokens)
    logits = classifier.classify(vectors, LABELLED.lengths)
    loss = mean_loss(logits)
    if own in ("labelled", "both"):
        (gradient,) = torch.autograd.grad(mean_loss(logits), vectors, retain_graph=True)
        moved = vectors + extra_losses.radius * unit(gradient)
        loss = loss + extra_losses.weight * mean_loss(classifier.classify(moved, LABELLED.lengths))
    every = [(LABELLED, vectors, logits)]
    if unlabelled is not None:
        others = classifier.embedding(unlabelled.tokens)
        every.append((unlabelled, others, classifier.classify(others, unlabelled.lengths)))
    for texts, read, answers in every:
        if own in ("virtual", "both"):
            random = torch.randn_like(read)
            random *= (torch.arange(read.shape[1]) < texts.lengths[:, None])[..., None]
            small = (SMALL * unit(random)).requires_grad_()
            near = classifier.classify(read.detach() + small, texts.lengths)
            (gradient,) = torch.autograd.grad(divergence(answers.detach(), near), small)
            far = classifier.classify(read + extra_losses.radius * unit(gradient), texts.lengths)
            loss = loss + extra_losses.weight * share * divergence(answers.detach(), far)
        entropy = -(answers.softmax(dim=1) * answers.softmax(dim=1).log()).sum()
        loss = loss + extra_losses.entropy_weight * share * entropy
    return loss, logits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beside", [False, True], ids=["labelled alone", "with unlabelled"])
@pytest.mark.parametrize("entropy_weight", [0.0, 0.3])
@pytest.mark.parametrize("model", MODELS, ids=["bilstm", "gru", "rnn"])
@pytest.mark.parametrize("lazy", [False, True], ids=["dense", "sparse"])
def test_loss_and_gradients_are_those_of_plain_autograd(
    kind: AdversarialKind, beside: bool, entropy_weight: float, model: dict[str, Any], lazy: bool
) -> None:
    extra_losses = ExtraLosses(kind, radius=1.7, weight=0.6, unlabelled_batch=2, entropy_weight=entropy_weight)
    classifier = build(**model, **({"embedding_normalization": "none"} if lazy else {}))
    unlabelled, results = UNLABELLED if beside else None, []
    for own in (True, False):
        torch.manual_seed(5)
        if own:
            if lazy:  # as models/cpu/adamw.py sets it
                classifier.embedding.update_rows = lambda _: None
            loss, logits = extra_losses.loss(classifier, LABELLED, mean_loss, unlabelled, 0.2)
            classifier.embedding.update_rows = None
        else:
            loss, logits = plainly(classifier, extra_losses, unlabelled, 0.2)
        classifier.zero_grad()
        torch.autograd.backward(loss)
        gradients = {name: weights.grad for name, weights in classifier.named_parameters() if weights.requires_grad}
        results.append((loss.detach(), logits.detach(), gradients))
    (loss, logits, gradients), (expected, expected_logits, expected_gradients) = results
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(logits, expected_logits, rtol=1e-12, atol=1e-14)
    for name, gradient in expected_gradients.items():
        got = gradients[name]
        assert got is not None
        assert gradient is not None
        assert name != "embedding.weight" or got.is_sparse == lazy
        torch.testing.assert_close(got.to_dense(), gradient, rtol=1e-9, atol=1e-12, msg=name)


@pytest.mark.parametrize("kernel", [pytest.param("triton", marks=needs.triton), "cudnn"])
@pytest.mark.parametrize("kind", ["labelled", "both"])
def test_what_reads_layers_on_a_gpu_gives_the_same_gradients(
    kernel: str, kind: AdversarialKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a GPU Triton interprets our kernel, which overwrites what it saved, and PyTorch computes cuDNN's part."""

    def read_layer(cell: Any, layer: Any, inputs: Any, *others: Any, **named: Any) -> Tensor:
        return models.gpu.backend.read_layer(cell, layer, by_position(inputs), *others, **named)

    extra_losses = ExtraLosses(kind, radius=1.7, weight=0.6, unlabelled_batch=2, entropy_weight=0.3)
    results = []
    for own in (True, False):
        classifier = build(pooling="max", bidirectional=True, single_bias=False).float()
        with monkeypatch.context() as patch:
            if own:
                patch.setattr("models.cpu.backend.read_layer", read_layer)
                patch.setattr("models.gpu.backend.fits_kernel", lambda *_: kernel == "triton")
            torch.manual_seed(5)
            loss, _ = extra_losses.loss(classifier, LABELLED, mean_loss, UNLABELLED, 0.2)
            torch.autograd.backward(loss)
        results.append({name: weights.grad for name, weights in classifier.named_parameters()})
    for name, expected in results[1].items():
        torch.testing.assert_close(results[0][name], expected, rtol=1e-3, atol=1e-5, msg=name)


def test_a_document_is_moved_by_the_radius_however_long_it_is_and_however_small_its_gradient() -> None:
    gradient = torch.randn(3, 4, 5) * torch.tensor([1e-30, 1.0, 1e30])[:, None, None]
    gradient[0, 1:] = 0  # a short document
    move = of_length(gradient, 5.0)
    torch.testing.assert_close(move.flatten(1).norm(dim=1), torch.full((3,), 5.0), rtol=1e-6, atol=0)
    assert not move[0, 1:].any()
    assert not of_length(torch.zeros(2, 3, 4), 5.0).any()


def test_the_vectors_dropout_is_drawn_once_and_later_dropout_in_each_pass() -> None:
    """Then a move of nearly no length changes the loss by the later dropout alone."""
    extra_losses = ExtraLosses("labelled", radius=1e-12, weight=1.0, unlabelled_batch=0, entropy_weight=0.0)
    seen: list[float] = []

    def recorded(logits: Tensor) -> Tensor:
        seen.append(float(mean_loss(logits.detach())))
        return mean_loss(logits)

    def losses(**dropout: float) -> list[float]:
        seen.clear()
        torch.manual_seed(1)
        extra_losses.loss(build(pooling="max", **dropout), LABELLED, recorded, None, 1)
        return list(seen)

    first, second = losses(embedding_dropout=0.5)
    assert first == pytest.approx(second, abs=1e-9)
    first, second = losses(head_dropout=0.5)
    assert abs(first - second) > 1e-3
