"""embedding_normalization: frequency. The numbers and gradients of plain autograd, on every path that reads words."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.constants import PADDING_INDEX
from models.classifier import TextClassifier
from models.cpu.dropout import dropout as drop
from models.cpu.normalization import normalized_rows
from models.cpu.word_vectors import by_position, embed, prediction_embedder
from models.embedding import EPSILON, WordEmbedding, normalized
from models.training.fit import fit
from models.training.module import ClassifierModule
from tests.models.plain import plain_classifier, plain_module
from tests.models.toy import VOCABULARY_SIZE, order_documents, small_trainer
from text.token_counts import token_counts

COUNTS = torch.tensor([3, 0, 5, 0, 1, 40, 2, 7])  # token 1 is the padding; token 3 is unseen


def written_out(weight: Tensor, shares: Tensor) -> Tensor:
    """Mean and variance of each column, number by number."""
    columns = []
    for column in weight.unbind(dim=1):
        mean = sum(share * value for share, value in zip(shares, column, strict=True))
        variance = sum(share * (value - mean) ** 2 for share, value in zip(shares, column, strict=True))
        columns.append((column - mean) / torch.sqrt(variance + EPSILON))
    return torch.stack(columns, dim=1)


def embedding(size: int = 5, dropout: float = 0.0) -> WordEmbedding:
    torch.manual_seed(1)
    made = WordEmbedding(len(COUNTS), size, dropout, normalization="frequency").double()
    nn.init.normal_(made.weight, mean=0.7, std=0.3)
    made.count(COUNTS)
    return made


def test_over_the_training_tokens_each_number_has_mean_0_and_variance_1() -> None:
    table = embedding().table()

    tokens = table.repeat_interleave(COUNTS, dim=0)  # (tokens, size): each word as often as it occurs
    torch.testing.assert_close(tokens.mean(dim=0), torch.zeros(5).double(), rtol=0, atol=1e-12)
    torch.testing.assert_close(tokens.var(dim=0, correction=0), torch.ones(5).double(), rtol=1e-4, atol=0)


def test_the_padding_counts_for_nothing_however_often_it_stands_in_texts() -> None:
    counted, without = embedding(), embedding()
    counted.count(COUNTS + 100 * nn.functional.one_hot(torch.tensor(PADDING_INDEX), len(COUNTS)))
    assert torch.equal(counted.table(), without.table())


@pytest.mark.parametrize("off", [0.0, 1e-3], ids=["shares add up to 1", "and to a bit more"])
@pytest.mark.parametrize("words", [[2], [6, 5, 0, 3], [4, 1, 2]], ids=["one", "unseen among them", "the padding, too"])
def test_rows_and_their_gradient_are_those_of_plain_autograd(words: list[int], off: float) -> None:
    table = embedding()
    assert table.shares is not None
    shares = table.shares + off
    read = torch.tensor(words, dtype=torch.int32)
    weights, plain_weights = (table.weight.detach().clone().requires_grad_() for _ in range(2))
    d_rows = torch.randn(len(words), 5, dtype=torch.float64)

    rows = normalized_rows(weights, shares, read)
    plain = nn.functional.embedding(read, written_out(plain_weights, shares), PADDING_INDEX)

    torch.testing.assert_close(rows, plain, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(normalized(weights, shares)[read.long()], plain, rtol=1e-12, atol=1e-12)
    for vectors in (rows, plain):
        torch.autograd.backward(vectors, d_rows)
    assert weights.grad is not None
    assert plain_weights.grad is not None
    assert (weights.grad[COUNTS > 0] != 0).all()  # also of words that were not read
    torch.testing.assert_close(weights.grad, plain_weights.grad, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_all_paths_read_the_same_vectors(bidirectional: bool) -> None:
    table = embedding(dropout=0.5).eval()
    layer = nn.LSTM(5, 3, bidirectional=bidirectional).double()
    tokens = torch.tensor([[2, 5, 2, 4], [6, 3, 1, 1]], dtype=torch.int32)
    expected = written_out(table.weight, table.shares if table.shares is not None else COUNTS)[tokens.long()]
    with torch.inference_mode():
        read = [table(tokens), by_position(embed(table, tokens))]
        read += [by_position(prediction_embedder(table, "lstm", layer, n)(tokens)) for n in (1, 1000)]
        table.fold()
        read += [table(tokens), by_position(embed(table, tokens))]
    for vectors in read:
        torch.testing.assert_close(vectors, expected, rtol=1e-12, atol=1e-12)
    assert table.shares is None


def test_the_shares_are_those_of_the_tokens_that_a_training_reads() -> None:
    documents = order_documents(3000)
    counts = token_counts(documents, VOCABULARY_SIZE)
    assert counts.tolist() == np.bincount(np.concatenate(documents.documents), minlength=VOCABULARY_SIZE).tolist()


def normalizing(**changes: Any) -> TextClassifier:
    torch.manual_seed(1)
    chosen: dict[str, Any] = {
        "hidden_size": 8,
        "embedding_size": 8,
        "pooling": "max",
        "embedding_normalization": "frequency",
    }
    return plain_classifier(VOCABULARY_SIZE, 2, **chosen | changes)


def test_the_shares_are_saved_with_the_weights_and_without_normalization_nothing_more_is() -> None:
    saved, loaded = normalizing(), normalizing()
    saved.embedding.count(torch.arange(VOCABULARY_SIZE))
    loaded.load_state_dict(saved.state_dict())
    tokens, lengths = torch.tensor([[2, 3, 9]], dtype=torch.int32), torch.tensor([3])
    assert torch.equal(loaded(tokens, lengths), saved(tokens, lengths))
    assert set(saved.state_dict()) - set(normalizing(embedding_normalization="none").state_dict()) == {
        "embedding.shares"
    }


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_training_ends_where_plain_steps_with_adamw_end(dropout: float) -> None:
    """Every row learns in every step, also those of words that the step does not read."""
    documents, validation = order_documents(40), order_documents(20)
    classifier = normalizing(embedding_dropout=dropout).double()
    plain = normalizing(embedding_dropout=dropout).double()
    plain.load_state_dict(classifier.state_dict())
    plain.embedding.count(torch.from_numpy(token_counts(documents, VOCABULARY_SIZE)))
    steps: list[Any] = []

    class Recorded(ClassifierModule):
        def training_step(self, batch: Any, step: int) -> Any:
            steps.append((batch, torch.get_rng_state()))
            return super().training_step(batch, step)

    module = plain_module(classifier, Recorded, weight_decay=0.1)
    trainer = small_trainer(epochs=1, precision="64-true")
    fit(trainer, module, documents, validation, batch_size=10, seed=1, monitor="validation_loss")

    optimizer = torch.optim.AdamW(plain.parameters(), lr=0.01, weight_decay=0.1)
    for batch, state in steps:
        torch.set_rng_state(state)
        vectors = nn.functional.embedding(batch.tokens, plain.embedding.table(), PADDING_INDEX)
        logits = plain.classify(drop(vectors, dropout) if dropout else vectors, batch.lengths)
        optimizer.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(logits, batch.labels))
        nn.utils.clip_grad_norm_(plain.parameters(), 0.5)
        optimizer.step()
    assert len(steps) == 4
    for name, weights in plain.state_dict().items():
        torch.testing.assert_close(classifier.state_dict()[name], weights, rtol=1e-8, atol=1e-10)
