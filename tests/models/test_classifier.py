"""The classifier's shapes, parameter counts and gradients, and that its weights survive being saved."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.constants import PADDING_INDEX
from models.cpu.word_vectors import prediction_embedder
from models.embedding import IndexedVectors
from tests import needs
from tests.models.plain import plain_classifier
from tests.models.test_encoder import CELLS

VARIANTS: list[dict[str, Any]] = [
    {"cell": "lstm"},
    {"cell": "lstm", "bidirectional": True},
    {"cell": "gru", "bidirectional": True, "layers": 2, "pooling": "attention"},
    {"cell": "rnn", "layers": 3, "pooling": "max", "hidden_size": 7},
    {"cell": "lstm", "bidirectional": True, "pooling": "mean", "embedding_size": 9},
    {"cell": "lstm", "bidirectional": True, "segment": 3, "pooling": ["max", "attention"], "head_size": 5},
    {"cell": "gru", "pooling": ["last", "max", "mean"], "weight_drop": 0.2, "word_dropout": 0.1},
]


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    lengths = torch.tensor([6, 2, 1])
    tokens = torch.randint(2, 50, (3, 6), dtype=torch.int32)
    tokens[torch.arange(6) >= lengths.unsqueeze(1)] = PADDING_INDEX
    return tokens, lengths


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_step_reaches_every_parameter(variant: dict[str, Any]) -> None:
    classifier = plain_classifier(50, 3, **variant)
    logits = classifier(*batch())
    assert logits.shape == (3, 3)
    logits.logsumexp(dim=1).sum().backward()
    for name, weights in classifier.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0, name


def test_the_textbook_model_has_the_textbook_number_of_parameters() -> None:
    counts = plain_classifier(20_000, 2, cell="lstm", bidirectional=True).parameter_counts()
    # Keras counts 98,816 for the two LSTMs; PyTorch has a second bias for each gate: 2 directions × 4 gates × 64.
    assert counts == {"total": 2_659_586, "embedding": 2_560_000, "recurrent": 98_816 + 512, "head": 258}


def test_with_a_single_bias_it_has_the_number_that_keras_gives() -> None:
    counts = plain_classifier(20_000, 2, cell="lstm", bidirectional=True, single_bias=True).parameter_counts()
    assert counts == {"total": 2_659_074, "embedding": 2_560_000, "recurrent": 98_816, "head": 258}


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_single_bias_leaves_the_second_one_at_0_through_training(cell: str) -> None:
    classifier = plain_classifier(50, 3, cell=cell, bidirectional=True, layers=2, single_bias=True)
    optimizer = torch.optim.AdamW([w for w in classifier.parameters() if w.requires_grad], lr=0.1)
    classifier(*batch()).logsumexp(dim=1).sum().backward()
    optimizer.step()
    second = {name: weights for name, weights in classifier.named_parameters() if "bias_hh" in name}
    assert len(second) == 4
    assert not any(weights.any() for weights in second.values())
    assert all(weights.any() for name, weights in classifier.named_parameters() if "bias_ih" in name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_saved_weights_give_the_same_logits(variant: dict[str, Any], tmp_path: Path) -> None:
    classifier = plain_classifier(50, 3, **variant).eval()
    save_file(classifier.state_dict(), tmp_path / "model.safetensors")
    loaded = plain_classifier(50, 3, **variant).eval()
    loaded.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(loaded(*batch()), classifier(*batch()))


def test_logits_do_not_depend_on_padding() -> None:
    classifier = plain_classifier(50, 2, cell="lstm", bidirectional=True, pooling="max").eval()
    tokens, lengths = batch()
    wider = torch.nn.functional.pad(tokens, (0, 20), value=PADDING_INDEX)
    torch.testing.assert_close(classifier(wider, lengths), classifier(tokens, lengths), rtol=0, atol=1e-6)


def test_a_frozen_embedding_keeps_its_vectors() -> None:
    vectors = torch.randn(50, 4)
    classifier = plain_classifier(50, 2, cell="rnn", embedding_size=4, vectors=vectors, freeze_embedding=True)
    assert torch.equal(classifier.embedding.weight, vectors)
    classifier(*batch()).sum().backward()
    assert classifier.embedding.weight.grad is None


@needs.bfloat16
def test_logits_under_autocast_are_float32() -> None:
    classifier = plain_classifier(50, 2, cell="lstm")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert classifier(*batch()).dtype == torch.float32


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("last_lengths", [(2, 1), (3, 2)], ids=["padding behind texts", "its token within texts, too"])
def test_a_sparse_gradient_is_the_dense_one_and_names_each_row_once(
    bidirectional: bool, last_lengths: tuple[int, int]
) -> None:
    tokens = torch.tensor([[2, 3, 2, 4], [4, 2, 1, 1], [3, 1, 1, 1]], dtype=torch.int32)
    lengths = torch.tensor([4, *last_lengths])
    classifier = plain_classifier(9, 2, cell="lstm", bidirectional=bidirectional).double()
    classifier(tokens, lengths).sum().backward()
    dense = classifier.embedding.weight.grad
    classifier.zero_grad()
    updated: list[list[int]] = []
    classifier.embedding.update_rows = lambda words: updated.append([] if words is None else sorted(words.tolist()))
    classifier(tokens, lengths).sum().backward()
    assert updated == [[1, 2, 3, 4]]
    sparse = classifier.embedding.weight.grad
    assert dense is not None
    assert sparse is not None
    assert sorted(sparse._indices()[0].tolist()) == [1, 2, 3, 4]
    assert not sparse.to_dense()[1].any()
    torch.testing.assert_close(sparse.to_dense(), dense, rtol=1e-12, atol=1e-14)


def test_joined_poolings_and_a_hidden_layer_are_what_they_say() -> None:
    classifier = plain_classifier(50, 3, pooling=["last", "max", "mean"], head_size=5, hidden_size=4).double().eval()
    tokens, lengths = batch()
    states = classifier.encoder(classifier.embedding(tokens), lengths)
    for row, length in enumerate(lengths):
        own = states[row, :length]
        document = torch.cat([own[-1], own.amax(dim=0), own.mean(dim=0)])
        assert classifier.head_hidden is not None
        logits = classifier.head(classifier.head_hidden(document).clamp(min=0))
        torch.testing.assert_close(classifier(tokens, lengths)[row], logits, rtol=1e-12, atol=1e-12)
    hidden, last = 12 * 5 + 5, 5 * 3 + 3
    assert classifier.parameter_counts()["head"] == hidden + last


def test_with_dropout_on_the_embedding_its_gradient_is_sparse_too_and_the_dense_one() -> None:
    tokens, lengths = torch.tensor([[2, 2, 3, 1]], dtype=torch.int32), torch.tensor([4])
    classifier = plain_classifier(9, 2, cell="lstm", embedding_dropout=0.5).double()
    gradients = []
    for lazy in (False, True):
        torch.manual_seed(1)
        classifier.zero_grad()
        classifier.embedding.update_rows = (lambda _: None) if lazy else None
        classifier(tokens, lengths).sum().backward()
        gradients.append(classifier.embedding.weight.grad)
    dense, sparse = gradients
    assert dense is not None
    assert sparse is not None
    assert sorted(sparse._indices()[0].tolist()) == [1, 2, 3]
    torch.testing.assert_close(sparse.to_dense(), dense, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("locked", [False, True])
def test_with_dropout_on_the_embedding_its_gradient_is_sparse_too(locked: bool) -> None:
    classifier = plain_classifier(9, 2, cell="lstm", embedding_dropout=0.5, locked_dropout=locked)
    classifier.embedding.update_rows = lambda _: None
    classifier(torch.tensor([[2, 2, 3]], dtype=torch.int32), torch.tensor([3])).sum().backward()
    assert classifier.embedding.weight.grad is not None
    assert classifier.embedding.weight.grad._indices().tolist() == [[2, 3]]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("documents", [1, 3])
def test_words_multiplied_beforehand_give_the_same_logits(cell: Any, bidirectional: bool, documents: int) -> None:
    tokens, lengths = (
        torch.tensor([[2, 3, 2, 4], [4, 2, 1, 1], [3, 1, 1, 1]], dtype=torch.int32),
        torch.tensor([4, 2, 1]),
    )
    tokens, lengths = tokens[:documents], lengths[:documents]
    classifier = plain_classifier(9, 2, cell=cell, bidirectional=bidirectional, layers=2).double().eval()
    embedding, encoder = classifier.embedding, classifier.encoder
    with torch.inference_mode():
        words = prediction_embedder(embedding, encoder.cell, encoder.layers[0], tokens=1000)(tokens)
        assert isinstance(words, IndexedVectors)
        assert words.products is not None
        logits = classifier.classify(words, lengths)
        torch.testing.assert_close(logits, classifier(tokens, lengths), rtol=1e-12, atol=1e-14)
