"""A language model in one direction or in two, whose embedding and recurrent weights a classifier can start from.

Each direction has a recurrent layer of its own, which predicts the next token from those before it (or, backwards, from
those after it). Both share the embedding and the softmax, as in Peters et al. 2018: a bidirectional classifier has one
embedding, and the mean of two that were learned apart would fit neither direction.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from config.choices import Cell, Softmax
from models.backend import backend
from models.embedding import WordEmbedding
from models.encoder import RecurrentEncoder
from models.initialization import EMBEDDING, start_as_keras
from models.pretraining.softmax import build_softmax

State = Tensor | tuple[Tensor, Tensor]  # h (1, rows, hidden_size), or h and C of an LSTM


class LanguageModel(nn.Module):
    """Tokens in, the states that predict the next ones out.

    PyTorch's own layers read the chunks: they take a state to begin with, on CPUs as on GPUs.
    """

    def __init__(
        self,
        counts: Tensor,
        *,
        cell: Cell,
        hidden_size: int,
        embedding_size: int,
        directions: Sequence[str],
        softmax: Softmax,
    ) -> None:
        """New weights, drawn from PyTorch's global generator as Keras draws them.

        Args:
            counts: (vocabulary_size,), how often each token stands in the texts.
        """
        super().__init__()
        self.embedding = WordEmbedding(len(counts), embedding_size, dropout=0.0)
        # One bias a gate: a classifier can have one or two (variants.<name>.single_bias).
        self.directions = list(directions)
        self.encoders = nn.ModuleList(
            RecurrentEncoder(cell, embedding_size, hidden_size, single_bias=True) for _ in directions
        )
        self.softmax = build_softmax(softmax, hidden_size, counts)
        self.apply(start_as_keras)

    def read(self, tokens: Mapping[str, Tensor], states: Mapping[str, State]) -> dict[str, tuple[Tensor, State]]:
        """For each direction the states (rows, time, hidden_size), and the last one, which passes no gradient.

        All tokens are looked up at once: the optimizer takes one gradient for each row of the embedding.

        Args:
            tokens: int32 (rows, time), of all directions; those of the backward direction in reverse order.
            states: after the tokens before; those of a direction that is missing are 0.
        """
        joined = torch.cat(list(tokens.values()))  # (directions·rows, time)
        vectors = backend(joined.device).embed(self.embedding, joined)
        if not isinstance(vectors, Tensor):  # each different token once
            vectors = vectors.vectors.index_select(0, vectors.rows.flatten()).view(*joined.shape, -1)
        result = {}
        for direction, inputs in zip(tokens, vectors.chunk(len(tokens)), strict=True):
            outputs, last = self._layer(direction)(inputs, states.get(direction))
            result[direction] = (outputs, each_tensor(Tensor.detach, last))
        return result

    def weights(self) -> Mapping[str, Tensor]:
        """What a classifier starts from (models/initialization.py)."""
        weights = {EMBEDDING: self.embedding.weight}
        for direction in self.directions:
            named = self._layer(direction).named_parameters()
            weights |= {f"{direction}.{name}": tensor for name, tensor in named}
        return {name: tensor.detach() for name, tensor in weights.items()}

    def _layer(self, direction: str) -> nn.RNNBase:
        encoder = self.encoders[self.directions.index(direction)]
        assert isinstance(encoder, RecurrentEncoder)
        return encoder.layers[0]


def each_tensor(change: Callable[[Tensor], Tensor], state: State) -> State:
    """The state with each of its tensors changed."""
    return change(state) if isinstance(state, Tensor) else (change(state[0]), change(state[1]))
