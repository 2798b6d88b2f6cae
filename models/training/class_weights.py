"""The weight of each class's documents in the training loss: `train.class_weight`.

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
