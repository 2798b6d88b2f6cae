"""The text classifier that all variants share: embedding, recurrent encoder, pooling, linear head.

The textbook model is one of them: Embedding(vocabulary, 128) → LSTM(64), or bidirectional LSTM(64) whose two
final states are joined to 128 numbers → Linear(classes) → softmax.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from core.padding import PADDING_INDEX
from models.cpu.lookup import lookup
from models.cpu.recurrence import Cell, distinct
from models.encoder import RecurrentEncoder, every
from models.initialization import Initialization, RecurrentInit, set_input_bias, start_as_keras, start_from_vectors
from models.pooling import LastPooling, PoolingName, build_pooling


class TextClassifier(nn.Module):
    """Token numbers in, one logit a class out.

    Attributes:
        before_reading: if set, is called with the different words, int32, that are going to be read (on the CPU), and
            the embedding's gradient comes as their rows, each once.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_classes: int,
        *,
        cell: Cell,
        bidirectional: bool,
        layers: int,
        hidden_size: int,
        embedding_size: int,
        pooling: PoolingName,
        embedding_dropout: float,
        layer_dropout: float,
        head_dropout: float,
        freeze_embedding: bool,
        single_bias: bool,
        initialization: Initialization,
        forget_bias: float | None,
        input_bias: float | None,
        recurrent_init: RecurrentInit,
        vectors: Tensor | None = None,
    ) -> None:
        """Fresh weights, drawn from PyTorch's global generator.

        What the arguments mean, and their defaults, params.yaml says (`variants`).

        Args:
            vectors: (vocabulary_size, embedding_size), what the words start from; rows of NaN: random numbers.
        """
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size, padding_idx=PADDING_INDEX)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.encoder = RecurrentEncoder(
            cell,
            embedding_size,
            hidden_size,
            layers=layers,
            bidirectional=bidirectional,
            layer_dropout=layer_dropout,
            single_bias=single_bias,
            forget_bias=forget_bias,
            recurrent_init=recurrent_init,
        )
        self.pooling = build_pooling(pooling, self.encoder.output_size, bidirectional)
        self.head_dropout = nn.Dropout(head_dropout)
        self.head = nn.Linear(self.encoder.output_size, num_classes)
        if input_bias is not None:
            for layer in self.encoder.layers:
                set_input_bias(layer, input_bias)
        if initialization == "keras":  # forget_bias, input_bias and recurrent_init belong to "pytorch"
            self.apply(start_as_keras)
        if vectors is not None:
            start_from_vectors(self.embedding, vectors)
        self.embedding.weight.requires_grad_(not freeze_embedding)
        self.before_reading: Callable[[Tensor], None] | None = None

    def forward(self, tokens: Tensor, lengths: Tensor, tables: list[Tensor] | None = None) -> Tensor:
        """Logits (batch, num_classes) of right-padded `tokens` (batch, time) with `lengths` (batch,) on the CPU.

        `tables` are what `tables` returns; with them nothing is multiplied that depends on the word alone.
        """
        if tables is not None:
            return self._read(tables, tokens, lengths)
        if tokens.is_cuda:
            return self.decide(self.encoder(self.embedding_dropout(self.embedding(tokens)), lengths), lengths)
        if self.training and self.embedding_dropout.p:
            embedded = self.embedding_dropout(self.embedding(tokens))  # (batch, time, embedding_size)
            return self._read(embedded.flatten(0, 1), every(*tokens.shape), lengths)
        different, index = distinct(tokens, self.embedding.num_embeddings)  # (rows,), (batch, time)
        if self.before_reading is not None:
            self.before_reading(different)
            rows = lookup(self.embedding.weight, different, PADDING_INDEX)  # (rows, embedding_size)
        else:
            rows = embedding(different, self.embedding.weight, PADDING_INDEX)
        return self._read(rows, index, lengths)

    def _read(self, inputs: Tensor | list[Tensor], index: Tensor, lengths: Tensor) -> Tensor:
        """`decide` on the CPU, without the states that its pooling would not look at."""
        if isinstance(self.pooling, LastPooling):
            return self._judge(self.encoder.read(inputs, index, lengths, ends=True))
        return self.decide(self.encoder.read(inputs, index, lengths), lengths)

    def tables(self) -> list[Tensor]:
        """The first layer's products x W_x of all words, (vocabulary_size, gates·h) a direction; for the CPU."""
        return self.encoder.tables(self.embedding.weight)

    def decide(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Logits (batch, num_classes) from the encoder's states (batch, time, output_size)."""
        return self._judge(self.pooling(states, lengths))

    def _judge(self, documents: Tensor) -> Tensor:
        logits: Tensor = self.head(self.head_dropout(documents))  # (batch, output_size) -> (batch, num_classes)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))  # losses want it, whatever computed them

    def parameter_counts(self) -> dict[str, int]:
        """Numbers of parameters by part; pooling counts to the head, idle biases do not count."""
        parts: dict[str, tuple[nn.Module, ...]] = {
            "embedding": (self.embedding,),
            "recurrent": (self.encoder,),
            "head": (self.pooling, self.head),
        }
        counts = {
            name: sum(
                weights.numel() for part in modules for weights in part.parameters() if weights not in self.encoder.idle
            )
            for name, modules in parts.items()
        }
        return {"total": sum(counts.values()), **counts}
