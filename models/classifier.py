"""The text classifier that all variants share: word vectors, recurrent encoder, pooling, head.

A linear model of words and word pairs can stand beside it (`ngrams`).

With `pooling: last` this is the textbook's model: Embedding(vocabulary, 128) → LSTM(64), or bidirectional LSTM(64)
whose two final states are joined to 128 numbers → Linear(classes). Softmax is part of the loss.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from config.choices import Cell, EmbeddingNormalization, Initialization, Pooling, RecurrentInit, Start
from models.backend import backend
from models.embedding import Vectors, WordEmbedding
from models.encoder import RecurrentEncoder
from models.initialization import set_input_bias, start_as_keras, start_from_pretraining, start_from_vectors
from models.ngrams import NgramBranch
from models.pooling import LastPooling, build_pooling


class TextClassifier(nn.Module):
    """Token numbers in, one logit per class out."""

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
        segment: int | None,
        pooling: Pooling,
        head_size: int | None,
        word_dropout: float,
        embedding_dropout: float,
        layer_dropout: float,
        locked_dropout: bool,
        weight_drop: float,
        head_dropout: float,
        freeze_embedding: bool,
        embedding_normalization: EmbeddingNormalization,
        single_bias: bool,
        initialization: Initialization,
        forget_bias: float | None,
        input_bias: float | None,
        recurrent_init: RecurrentInit,
        ngrams: bool,
        start: Start,
        vectors: Tensor | None = None,
        pretrained: Mapping[str, Tensor] | None = None,
    ) -> None:
        """New weights, drawn from PyTorch's global generator.

        params.yaml explains the arguments (`variants`); config/variants.py has their defaults.

        Args:
            vectors: (vocabulary_size, embedding_size), pretrained; a word whose row is NaN starts from random numbers.
            pretrained: the weights of the stage pretrain, for a classifier that `start`s from them; None: the
                classifier will load its weights later, or they do not matter.
        """
        super().__init__()
        self.embedding = WordEmbedding(
            vocabulary_size,
            embedding_size,
            embedding_dropout,
            word_dropout=word_dropout,
            locked=locked_dropout,
            normalization=embedding_normalization,
        )
        self.encoder = RecurrentEncoder(
            cell,
            embedding_size,
            hidden_size,
            layers=layers,
            bidirectional=bidirectional,
            layer_dropout=layer_dropout,
            locked_dropout=locked_dropout,
            weight_drop=weight_drop,
            segment=segment,
            single_bias=single_bias,
            forget_bias=forget_bias,
            recurrent_init=recurrent_init,
        )
        self.pooling = build_pooling(pooling, self.encoder.output_size, bidirectional)
        self.document_size = self.encoder.output_size * (len(pooling) if isinstance(pooling, list) else 1)
        self.head_dropout = nn.Dropout(head_dropout)
        self.head_hidden = None if head_size is None else nn.Linear(self.document_size, head_size)
        self.head = nn.Linear(head_size or self.document_size, num_classes)
        if input_bias is not None:
            for layer in self.encoder.layers:
                set_input_bias(layer, input_bias)
        if initialization == "keras":  # forget_bias, input_bias and recurrent_init belong to "pytorch"
            self.apply(start_as_keras)
        if vectors is not None:
            start_from_vectors(self.embedding, vectors)
        if start == "pretrain" and pretrained is not None:
            start_from_pretraining(self.embedding, self.encoder.layers[0], pretrained)
        self.embedding.weight.requires_grad_(not freeze_embedding)
        self.ngrams = NgramBranch(vocabulary_size, num_classes) if ngrams else None

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (batch, num_classes) of right-padded `tokens` (batch, time) with `lengths` (batch,) on the CPU."""
        word_vectors = backend(tokens.device).embed(self.embedding, tokens)  # (batch, time, embedding_size)
        return self.with_ngrams(self.classify(word_vectors, lengths), tokens, lengths)

    def with_ngrams(self, logits: Tensor, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Adds the n-gram branch's logits to the network's `logits` (batch, num_classes), if there is a branch."""
        return logits if self.ngrams is None else logits + self.ngrams(tokens, lengths)

    def classify(self, word_vectors: Vectors, lengths: Tensor) -> Tensor:
        """The network's logits (batch, num_classes) of documents with these vectors (batch, time, embedding_size)."""
        if self.reads_last_states_alone:  # on the CPU, other states are not stored
            document_vectors = self.encoder.last_states(word_vectors, lengths)  # (batch, document_size)
        else:
            states = self.encoder(word_vectors, lengths)  # (batch, time, output_size)
            document_vectors = self.pooling(states, lengths)  # (batch, document_size)
        return self.decide(document_vectors)

    @property
    def reads_last_states_alone(self) -> bool:
        """Whether no other state of a document reaches the head."""
        return isinstance(self.pooling, LastPooling) and self.encoder.segment is None

    def decide(self, document_vectors: Tensor) -> Tensor:
        """Logits (batch, num_classes) of pooled documents (batch, document_size)."""
        vectors = self.head_dropout(document_vectors)
        if self.head_hidden is not None:
            vectors = self.head_dropout(torch.relu(self.head_hidden(vectors)))  # (batch, head_size)
        logits: Tensor = self.head(vectors)  # (batch, num_classes)
        return logits.to(torch.promote_types(logits.dtype, torch.float32))  # losses are computed in float32 or more

    def parameter_counts(self) -> dict[str, int]:
        """Numbers of parameters by part; pooling is counted with the head, frozen biases are left out."""
        parts: dict[str, tuple[nn.Module, ...]] = {
            "embedding": (self.embedding,),
            "recurrent": (self.encoder,),
            "head": (self.pooling, self.head, *([] if self.head_hidden is None else [self.head_hidden])),
        }
        if self.ngrams is not None:
            parts["ngrams"] = (self.ngrams,)
        counts = {
            name: sum(
                weights.numel()
                for part in modules
                for weights in part.parameters()
                if weights not in self.encoder.frozen_biases
            )
            for name, modules in parts.items()
        }
        return {"total": sum(counts.values()), **counts}
