"""Losses beside the cross-entropy: `train.adversarial` (on moved word vectors) and `train.entropy_weight`.

x are the word vectors of a document, after their dropout; p(x) the model's answer, ℓ(x) its cross-entropy. A move r has
one length for the whole document, and no gradient of its own; padding is not moved.

    labelled   ℓ(x + r),  r = radius · g/‖g‖,  g = ∂ℓ(x)/∂x         Miyato, Dai & Goodfellow, ICLR 2017, section 3
    virtual    KL(p(x) ‖ p(x + r)),  p(x) without gradient,          the same; Miyato, Maeda, Koyama & Ishii, TPAMI
               r = radius · g/‖g‖,  g = ∂KL(p(x) ‖ p(x + d))/∂d,     2018: one power iteration
               d a random direction of length SMALL
    entropy    −Σ p(x) ln p(x)                                       Grandvalet & Bengio, NIPS 2004

The vectors' dropout is drawn once a step. All later dropout is drawn anew in each pass, as in the authors' code
(tensorflow/models, research/adversarial_text), where the loss function that reads the moved vectors has its own.

Each pass through the model is differentiated once, and at once: the backward pass that gives g also gives the first
pass's gradients at all weights, which `_Known` hands on. So labelled training takes two passes and not three, and
kernels may overwrite what they saved (models/gpu/lstm.py).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from config.choices import AdversarialKind
from core.constants import PADDING_INDEX
from models.backend import backend
from models.classifier import TextClassifier
from models.embedding import IndexedVectors, Vectors
from models.padding import padding

SMALL = 0.1
"""The length of the random direction in which the first gradient of `virtual` is taken, as in the authors' code."""


class Texts(NamedTuple):
    """Right-padded tokens (batch, time) and lengths (batch,)."""

    tokens: Tensor
    lengths: Tensor


class ExtraLosses(NamedTuple):
    """What a step's loss holds beside the cross-entropy; params.yaml explains the fields (`train`)."""

    kind: AdversarialKind
    radius: float
    weight: float
    unlabelled_batch: int
    entropy_weight: float

    def loss(
        self,
        classifier: TextClassifier,
        labelled: Texts,
        cross_entropy: Callable[[Tensor], Tensor],
        unlabelled: Texts | None,
        share: float,
    ) -> tuple[Tensor, Tensor]:
        """The loss of a step, and the logits (batch, classes) of the labelled documents as they are, without gradient.

        Args:
            classifier: in training mode.
            labelled: the labelled documents.
            cross_entropy: computes their cross-entropy, a number, from their logits.
            unlabelled: documents that `virtual` and the entropy use as well; None: there are none.
            share: the weight of one document in the mean over all documents that these two use.
        """
        vectors, *others = _embed(classifier, [labelled] if unlabelled is None else [labelled, unlabelled])
        logits, loss = self._labelled(classifier, vectors, labelled, cross_entropy, share)
        if self.kind in ("virtual", "both"):
            divergences = self._divergences(classifier, _by_position(vectors), labelled, logits.detach())
            loss = loss + self.weight * share * divergences
        if unlabelled is not None:
            loss = loss + self._unlabelled(classifier, others[0], unlabelled, share)
        return loss, logits.detach()

    def _labelled(
        self,
        classifier: TextClassifier,
        vectors: Vectors,
        texts: Texts,
        cross_entropy: Callable[[Tensor], Tensor],
        share: float,
    ) -> tuple[Tensor, Tensor]:
        """Logits; the cross-entropy with, if asked for, that of moved vectors and the entropy."""
        if self.kind not in ("labelled", "both"):
            logits = _read(classifier, vectors, texts)
            loss = cross_entropy(logits)
            return logits, loss + self.entropy_weight * share * entropies(logits) if self.entropy_weight else loss
        vectors = _by_position(vectors)  # (batch, time, size)
        logits, loss, gradient = _read_with_gradient(classifier, vectors, texts, cross_entropy)
        moved = vectors + of_length(gradient, self.radius)
        loss = loss + self.weight * cross_entropy(_read(classifier, moved, texts))
        if self.entropy_weight:  # a pass of its own: the first one's gradient at the vectors is that of ℓ alone
            loss = loss + self.entropy_weight * share * entropies(_read(classifier, vectors, texts))
        return logits, loss

    def _unlabelled(self, classifier: TextClassifier, vectors: Vectors, texts: Texts, share: float) -> Tensor:
        """Divergence and entropy of documents without labels, as far as they are asked for."""
        with torch.set_grad_enabled(self.entropy_weight > 0):
            logits = _read(classifier, vectors, texts)
        loss = logits.new_zeros(())
        if self.kind in ("virtual", "both"):
            divergences = self._divergences(classifier, _by_position(vectors), texts, logits.detach())
            loss = loss + self.weight * share * divergences
        if self.entropy_weight:
            loss = loss + self.entropy_weight * share * entropies(logits)
        return loss

    def _divergences(self, classifier: TextClassifier, vectors: Tensor, texts: Texts, logits: Tensor) -> Tensor:
        """The sum over documents of KL(p(x) ‖ p(x + r))."""
        random = torch.randn_like(vectors).masked_fill_(padding(vectors, texts.lengths), 0)
        small = of_length(random, SMALL).requires_grad_()
        divergence = divergences(logits, _read(classifier, vectors.detach() + small, texts))
        with torch.autocast(vectors.device.type, enabled=False):
            (gradient,) = torch.autograd.grad(divergence, [small])
        return divergences(logits, _read(classifier, vectors + of_length(gradient, self.radius), texts))


def divergences(logits: Tensor, others: Tensor) -> Tensor:
    """The sum over documents of KL(p ‖ q), with p and q of `logits` and `others` (batch, classes)."""
    known, other = logits.log_softmax(dim=1), others.log_softmax(dim=1)
    return (known.exp() * (known - other)).sum()


def entropies(logits: Tensor) -> Tensor:
    """The sum over documents of the entropy of their answers, from logits (batch, classes)."""
    known = logits.log_softmax(dim=1)
    return -(known.exp() * known).sum()


def of_length(direction: Tensor, length: float) -> Tensor:
    """Each document's `direction` (batch, time, size) with the Euclidean length `length`; 0 stays 0.

    The direction is first divided by its largest component, because the squares of small numbers might underflow.
    """
    numbers = direction.flatten(1)
    largest = torch.maximum(numbers.amax(dim=1), -numbers.amin(dim=1))[:, None, None]
    scaled = direction / largest.clamp(min=torch.finfo(direction.dtype).tiny)
    norm = torch.linalg.vector_norm(scaled, dim=(1, 2), keepdim=True)  # 1 or more, or 0
    return scaled.mul_(length / norm.clamp(min=1))


def _read(classifier: TextClassifier, vectors: Vectors, texts: Texts) -> Tensor:
    """Logits (batch, classes) of texts whose words have these vectors (batch, time, size); n-grams do not move."""
    return classifier.with_ngrams(classifier.classify(vectors, texts.lengths), texts.tokens, texts.lengths)


def _embed(classifier: TextClassifier, texts: Sequence[Texts]) -> list[Vectors]:
    """The vectors of each, looked up together: in a step, the embedding's gradient may contain a row only once."""
    time = max(part.tokens.shape[1] for part in texts)
    tokens = [pad(part.tokens, (0, time - part.tokens.shape[1]), value=PADDING_INDEX) for part in texts]
    every = tokens[0] if len(tokens) == 1 else torch.cat(tokens)
    vectors = backend(every.device).embed(classifier.embedding, every)
    parts, start = [], 0
    for part in texts:
        batch, own_time = part.tokens.shape
        documents = slice(start, start + batch)
        parts.append(
            vectors[documents, :own_time]
            if isinstance(vectors, Tensor)
            else IndexedVectors(vectors.vectors, vectors.rows[documents, :own_time].contiguous())
        )
        start += batch
    return parts


def _by_position(vectors: Vectors) -> Tensor:
    """(batch, time, size)."""
    device = vectors.device if isinstance(vectors, Tensor) else vectors.vectors.device
    return backend(device).by_position(vectors)


def _read_with_gradient(
    classifier: TextClassifier, vectors: Tensor, texts: Texts, cross_entropy: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, the cross-entropy with its gradients at `vectors` and weights already known, and the one at `vectors`."""
    embedding = classifier.embedding.weight
    weights = [weights for weights in classifier.parameters() if weights.requires_grad and weights is not embedding]
    start = vectors.detach().requires_grad_()
    logits = _read(classifier, start, texts)
    loss = cross_entropy(logits)
    with torch.autocast(vectors.device.type, enabled=False):
        gradients = torch.autograd.grad(loss, [start, *weights])
    known: Tensor = _Known.apply(loss.detach(), len(gradients), *gradients, vectors, *weights)  # type: ignore[no-untyped-call]
    return logits.detach(), known, gradients[0]


class _Known(torch.autograd.Function):
    """A number whose gradients at some tensors have been computed: (number, n, n gradients, the n tensors)."""

    @staticmethod
    def forward(context: Any, number: Tensor, count: int, *tensors: Tensor) -> Tensor:
        context.save_for_backward(*tensors[:count])
        return number.clone()

    @staticmethod
    @once_differentiable
    def backward(context: Any, d_number: Tensor) -> Any:
        gradients = context.saved_tensors
        return None, None, *(None for _ in gradients), *(gradient * d_number for gradient in gradients)
