"""The loss that training minimizes: cross-entropy with `train.class_weight` and `train.label_smoothing`.

The loss of a step is the mean over its documents of weight × cross-entropy. It is not divided by the sum of the step's
weights, as PyTorch's `cross_entropy(weight=…, reduction="mean")` does: then a document's weight would depend on the
others of its step (in a step without small classes a document of a large class would have full weight), and under DDP
on the documents of other processes. Over the training split the weights' mean is 1, so the learning rate keeps its
meaning.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy


def balanced(labels: NDArray[np.integer[Any]], classes: int) -> Tensor:
    """Weights under which all classes have the same total weight: n / (classes · n_c), float64 (classes,).

    As scikit-learn's `compute_class_weight("balanced")`; a class without documents in `labels` (n,) has weight 0 and
    does not count.

    >>> balanced(np.array([0, 0, 0, 1]), 2).tolist()
    [0.6666666666666666, 2.0]
    """
    counts = np.bincount(labels, minlength=classes)  # (classes,)
    present = counts > 0
    weights = np.zeros(classes)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return torch.from_numpy(weights)


def summed_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None, label_smoothing: float) -> Tensor:
    """The sum of the documents' losses, each with its class's weight and a smoothed target.

    Args:
        logits: (batch, classes).
        labels: (batch,).
        class_weights: (classes,); None: all 1.
        label_smoothing: share of the target that all classes get in equal parts.
    """
    if label_smoothing:
        losses = cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)  # (batch,)
        weights = torch.ones_like(losses) if class_weights is None else class_weights.to(logits)[labels]
        return losses @ weights
    weight = None if class_weights is None else class_weights.to(logits)
    return cross_entropy(logits, labels, weight=weight, reduction="sum")
