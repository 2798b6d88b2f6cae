"""How much a document of each class weighs in the training loss: `train.class_weight`.

The loss of a step is the mean over its documents of weight × cross-entropy. It is not divided by the sum of the step's
weights, as PyTorch's `cross_entropy(weight=…, reduction="mean")` does: then a document's weight would depend on which
others share its step (a document of a large class would weigh full in a step without small classes), and under DDP on
what the other processes hold. Over the training split the weights' mean is 1, so that the learning rate means the same.
"""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ClassWeight = Literal["none", "balanced"]


def balanced(labels: NDArray[np.integer[Any]], classes: int) -> Tensor:
    """Weights with which all classes weigh the same: n / (classes · n_c), float64 (classes,).

    As scikit-learn's `compute_class_weight("balanced")`; a class without documents in `labels` (n,) does not count, and
    has weight 0.

    >>> balanced(np.array([0, 0, 0, 1]), 2).tolist()
    [0.6666666666666666, 2.0]
    """
    counts = np.bincount(labels, minlength=classes)  # (classes,)
    present = counts > 0
    weights = np.zeros(classes)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return torch.from_numpy(weights)
