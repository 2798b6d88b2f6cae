"""How far back the gradient reaches: the norm of d loss / d x_t for each embedded token x_t.

What a token at distance k from the end could teach the weights is scaled by this; where it has vanished, nothing can be
learned from that token (S. Hochreiter, Untersuchungen zu dynamischen neuronalen Netzen, 1991; Y. Bengio, P. Simard,
P. Frasconi, "Learning Long-Term Dependencies with Gradient Descent is Difficult", 1994).
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.classifier import TextClassifier


def gradient_reach(classifier: TextClassifier, tokens: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
    """Norms by distance from the end, as a mean over documents; in float64, in which they do not fade to zero so soon.

    Args:
        classifier: stays as it is.
        tokens: (batch, time), right-padded.
        lengths: (batch,).
        labels: (batch,), the true classes, of which the loss is taken.

    Returns:
        (shortest length,): entry k is the mean norm at the token with k tokens after it.
    """
    exact = copy.deepcopy(classifier).double().cpu().eval()
    embedded: list[Tensor] = []

    def make_leaf(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        embedded.append(output.detach().requires_grad_())  # (time, batch, embedding_size)
        return embedded[0]

    exact.embedding.register_forward_hook(make_leaf)
    # The sum: the gradient of one document's loss knows nothing of the others.
    loss = cross_entropy(exact(tokens, lengths), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, embedded)
    norms = gradient.norm(dim=2)  # (time, batch)
    back = (
        lengths - 1 - torch.arange(int(lengths.min())).unsqueeze(1)
    )  # (shortest, batch): position with k tokens after
    reach: Tensor = norms.gather(0, back).mean(dim=1)
    return reach
