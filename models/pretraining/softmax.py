"""From states to the next word: three ways to compute the loss of a language model over a large vocabulary.

Each takes states (n, size) and the words that follow them, int64 (n,). `forward` gives the loss to learn from, `exact`
the negative log-likelihood, each as a sum over the n positions in nats. They differ for the sampled softmax alone.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear
from torch.utils.checkpoint import checkpoint

from config.choices import Softmax

SAMPLES = 1024  # words drawn for a step
LARGEST = 2**26  # logits at a time: 256 MiB in float32
# Adaptive softmax, words by frequency: the shares of the vocabulary at which clusters of rarer words begin, and how
# many times fewer numbers each cluster gets than the one before.
CUTOFFS, FEWER = (0.1, 0.5), 4


class FullSoftmax(nn.Module):
    """One logit for each word."""

    def __init__(self, size: int, words: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, words)

    def forward(self, states: Tensor, targets: Tensor) -> Tensor:
        """The loss, (). Where the logits would take too much memory, parts are computed again in the backward pass."""
        rows = max(LARGEST // self.linear.out_features, 1)
        if len(states) <= rows:
            return self._loss(states, targets)
        parts = zip(torch.split(states, rows), torch.split(targets, rows), strict=True)
        losses = [checkpoint(self._loss, part, words, use_reentrant=False) for part, words in parts]
        return torch.stack(losses).sum()

    exact = forward

    def _loss(self, states: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(self.linear(states), targets, reduction="sum")


class SampledSoftmax(FullSoftmax):
    """Learns from the right words and SAMPLES drawn ones (Bengio & Senécal 2008; Jean et al. 2015).

    The draws are by frequency, the same for all positions of a step, and come from PyTorch's global generator. Each
    drawn word stands for 1/π words like it, with π the probability that it is among the draws, so that the sum over
    them estimates the softmax's denominator.
    """

    shares: Tensor

    def __init__(self, size: int, counts: Tensor) -> None:
        """`counts` (words,): how often each word is to be predicted."""
        super().__init__(size, len(counts))
        self.register_buffer("shares", (counts.double() + 1) / (counts.double() + 1).sum(), persistent=False)

    def forward(self, states: Tensor, targets: Tensor) -> Tensor:
        """The loss, ()."""
        drawn = torch.unique(torch.multinomial(self.shares, SAMPLES, replacement=True))  # (k,)
        return self.loss(states, targets, drawn)

    def loss(self, states: Tensor, targets: Tensor, drawn: Tensor) -> Tensor:
        """The loss with the different words `drawn`, (k,)."""
        weight, bias = self.linear.weight, self.linear.bias
        right = (states * weight[targets]).sum(dim=1) + bias[targets]  # (n,)
        exact = torch.promote_types(right.dtype, torch.float32)
        chance = -torch.expm1(SAMPLES * torch.log1p(-self.shares[drawn]))  # π
        logits = linear(states, weight[drawn], bias[drawn]).to(exact) - chance.log().to(exact)  # (n, k)
        logits = logits.masked_fill(drawn == targets.unsqueeze(1), -math.inf)  # which `right` has already
        logits = torch.cat([right.unsqueeze(1).to(exact), logits], dim=1)
        return cross_entropy(logits, torch.zeros_like(targets), reduction="sum")

    def exact(self, states: Tensor, targets: Tensor) -> Tensor:
        """The negative log-likelihood, ()."""
        return super().forward(states, targets)


class AdaptiveSoftmax(nn.Module):
    """PyTorch's AdaptiveLogSoftmaxWithLoss (Grave et al. 2017), whatever the order of the vocabulary."""

    ranks: Tensor

    def __init__(self, size: int, counts: Tensor) -> None:
        """`counts` (words,): how often each word is to be predicted."""
        super().__init__()
        words = len(counts)
        ranks = torch.empty(words, dtype=torch.long)
        ranks[counts.argsort(descending=True, stable=True)] = torch.arange(words)
        self.register_buffer("ranks", ranks, persistent=False)
        cutoffs = sorted({cut for share in CUTOFFS if (cut := int(words * share)) > 0})
        fewer = FEWER if size >= FEWER ** len(cutoffs) else 1
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(size, words, cutoffs, div_value=fewer)

    def forward(self, states: Tensor, targets: Tensor) -> Tensor:
        """The loss, (); in float32 at least, since PyTorch's module mixes types under autocast."""
        exact = torch.promote_types(states.dtype, torch.float32)
        with torch.autocast(states.device.type, enabled=False):
            log_likelihoods: Tensor = self.softmax(states.to(exact), self.ranks[targets]).output  # (n,)
        return -log_likelihoods.sum()

    exact = forward


def build_softmax(name: Softmax, size: int, counts: Tensor) -> FullSoftmax | AdaptiveSoftmax:
    """The softmax called `name` for states of `size` numbers; `counts` (words,) as above."""
    match name:
        case "full":
            return FullSoftmax(size, len(counts))
        case "sampled":
            return SampledSoftmax(size, counts)
        case "adaptive":
            return AdaptiveSoftmax(size, counts)
