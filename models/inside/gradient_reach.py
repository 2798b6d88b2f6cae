"""How far back the gradient reaches: the norm of d loss / d x_t for each embedded token x_t.

Where it has vanished, the weights learn nothing from that token (S. Hochreiter, Untersuchungen zu dynamischen
neuronalen Netzen, 1991; Y. Bengio, P. Simard, P. Frasconi, "Learning Long-Term Dependencies with Gradient Descent is
Difficult", 1994).
"""

import copy

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.classifier import TextClassifier


def gradient_reach(classifier: TextClassifier, tokens: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
    """Norms by distance from the end, as a mean over documents; in float64, where they underflow much later.

    Args:
        classifier: is not changed.
        tokens: (batch, time), right-padded.
        lengths: (batch,).
        labels: (batch,), the true classes.

    Returns:
        (shortest length,): entry k is the mean norm at the token with k tokens after it.
    """
    exact = copy.deepcopy(classifier).double().cpu().eval()
    embedded = exact.embedding(tokens).detach().requires_grad_()  # (batch, time, embedding_size)
    logits = exact.classify(embedded, lengths)  # (batch, classes)
    # A sum of losses: no document's gradient depends on the others.
    (gradient,) = torch.autograd.grad(cross_entropy(logits, labels, reduction="sum"), embedded)
    norms = gradient.norm(dim=2)  # (batch, time)
    back = lengths.unsqueeze(1) - 1 - torch.arange(int(lengths.min()))  # (batch, shortest): k tokens before the end
    reach: Tensor = norms.gather(1, back).mean(dim=0)
    return reach
