"""A linear model of words and word pairs beside the recurrent network: `variants.<name>.ngrams`.

What it computes for a document of n tokens is added to the network's logits:

    logits += Σ over its n words and n − 1 pairs of neighbours:  W[term] / √(2n − 1)

The division gives documents of every length the same norm, as TF-IDF does, if no term repeats. Pairs share BUCKETS rows
of W by a hash (Joulin et al. 2017, Bag of Tricks for Efficient Text Classification), so that every pair has a row,
and no list of pairs is needed. W starts at 0: the first step is that of the network alone.
"""

import torch
from torch import Tensor, nn

BUCKETS = 2**18
FACTOR = (
    2_654_435_761  # odd, near 2**32 / 1.618: spreads neighbouring token numbers over the buckets (Knuth, TAOCP 6.4)
)


class NgramBranch(nn.Module):
    """One row of `weight` (vocabulary + BUCKETS, classes) for each token and each bucket of pairs."""

    def __init__(self, vocabulary_size: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(vocabulary_size + BUCKETS, num_classes))
        self.vocabulary_size = vocabulary_size

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """What to add to the logits, (batch, classes), for right-padded `tokens` (batch, time), `lengths` (batch,)."""
        tokens = tokens.long()
        pairs = self.vocabulary_size + (tokens[:, :-1] * FACTOR + tokens[:, 1:]) % BUCKETS  # (batch, time - 1)
        lengths = lengths.to(tokens.device).unsqueeze(1)  # (batch, 1)
        places = torch.arange(tokens.shape[1], device=tokens.device)  # (time,)
        is_term = torch.cat([places < lengths, places[1:] < lengths], dim=1)  # (batch, 2·time - 1)
        shares = is_term / (2 * lengths - 1).to(self.weight.dtype).sqrt()  # (batch, 2·time - 1)
        logits: Tensor = nn.functional.embedding_bag(
            torch.cat([tokens, pairs], dim=1), self.weight, mode="sum", per_sample_weights=shares
        )
        return logits
