"""Dropout of words, of the numbers of word vectors, and of recurrent weights: what is dropped, and what is not."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import dropout

from core.constants import UNKNOWN_INDEX
from models.cpu import word_vectors
from models.cpu.word_vectors import embed
from models.dropout import TokenDropout
from models.embedding import IndexedVectors, Vectors, WordEmbedding
from models.encoder import RecurrentEncoder
from models.gpu import backend as gpu
from tests.models.test_encoder import CELLS, documents, packed_reference, valid


def at_positions(vectors: Vectors) -> Tensor:
    """(batch, time, size)."""
    if isinstance(vectors, IndexedVectors):
        return vectors.vectors[vectors.rows.long()]
    return vectors


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("largest", [word_vectors.LARGEST_TABLE, 1])
@pytest.mark.parametrize(
    "drops",
    [{"dropout": 0.4, "locked": True}, {"dropout": 0.4, "locked": True, "word_dropout": 0.3}],
    ids=["locked", "locked, and words"],
)
def test_the_cpus_word_vectors_under_locked_dropout_and_their_gradients_are_pytorchs(
    lazy: bool, largest: int, drops: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_vectors, "LARGEST_TABLE", largest)
    tokens = torch.randint(2, 9, (3, 7), dtype=torch.int32, generator=torch.Generator().manual_seed(1))
    embedding = WordEmbedding(9, 4, **drops).double()

    def results(own: bool) -> list[Tensor]:
        embedding.update_rows = (lambda _: None) if own and lazy else None
        embedding.zero_grad()
        torch.manual_seed(2)
        vectors = at_positions(embed(embedding, tokens) if own else embedding(tokens))
        torch.autograd.backward(vectors.square().sum())
        gradient = embedding.weight.grad
        assert gradient is not None
        assert gradient.is_sparse == (own and lazy)
        return [vectors.detach(), gradient.to_dense()]

    for own, expected in zip(results(own=True), results(own=False), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-14)


def test_locked_dropout_drops_the_same_numbers_of_all_tokens_of_a_document() -> None:
    torch.manual_seed(1)
    locked = TokenDropout(0.3, locked=True)
    dropped = locked(torch.ones(200, 5, 10))
    assert (dropped == dropped[:, :1]).all()
    assert torch.unique(dropped).tolist() == pytest.approx([0, 1 / 0.7])
    assert float((dropped[:, 0] == 0).float().mean()) == pytest.approx(0.3, abs=0.05)  # 2,000 numbers
    assert len(torch.unique(dropped[:, 0], dim=0)) > 100
    assert torch.equal(locked.eval()(torch.ones(2, 3, 4)), torch.ones(2, 3, 4))


def test_locked_words_are_multiplied_once_a_document() -> None:
    embedding = WordEmbedding(9, 4, 0.5, locked=True)
    vectors = embed(embedding, torch.tensor([[2, 3, 2, 2], [2, 2, 2, 2]], dtype=torch.int32))
    assert isinstance(vectors, IndexedVectors)
    assert len(vectors.vectors) == 3


def test_locked_dropout_stands_between_layers_too() -> None:
    torch.manual_seed(1)
    encoder = RecurrentEncoder("lstm", 5, 64, layers=2, layer_dropout=0.5, locked_dropout=True, segment=2)
    seen: list[Tensor] = []
    encoder.dropout.register_forward_hook(lambda _, inputs, output: seen.append(output / inputs[0]))
    encoder(torch.randn(3, 6, 5), torch.tensor([6, 6, 6]))
    torch.testing.assert_close(seen[0], seen[0][:, :1].expand(3, 6, 64))  # also across the pieces of a document
    assert not torch.equal(seen[0][0], seen[0][1])


def test_word_dropout_reads_unknown_words_in_training_alone() -> None:
    torch.manual_seed(1)
    embedding = WordEmbedding(9, 4, 0.0, word_dropout=0.2)
    tokens = torch.full((50, 40), 5, dtype=torch.int32)
    dropped = embedding.drop_words(tokens)
    assert dropped.dtype == torch.int32
    assert torch.unique(dropped).tolist() == [UNKNOWN_INDEX, 5]
    assert float((dropped == UNKNOWN_INDEX).float().mean()) == pytest.approx(0.2, abs=0.04)  # 2,000 tokens
    vectors = embed(embedding, tokens)
    assert isinstance(vectors, IndexedVectors)
    assert len(vectors.vectors) == 2  # the word-level trick holds
    assert torch.equal(embedding.eval().drop_words(tokens), tokens)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_weight_drop_reads_with_what_is_left_of_the_recurrent_weights(cell: Any, bidirectional: bool) -> None:
    encoder = RecurrentEncoder(cell, 5, 4, bidirectional=bidirectional, weight_drop=0.5).double()
    lengths = torch.tensor([7, 3])
    inputs, (layer,) = documents(lengths), encoder.layers
    names = ["weight_hh_l0", "weight_hh_l0_reverse"][: encoder.directions]
    torch.manual_seed(5)
    states = valid(encoder(inputs, lengths), lengths)
    torch.autograd.backward(states.square().sum())
    gradients = {name: getattr(layer, name).grad for name in names}
    torch.manual_seed(5)
    on_gpus = gpu.read_layer(cell, layer, inputs, lengths, weight_drop=0.5)
    torch.testing.assert_close(valid(on_gpus, lengths), states, rtol=0, atol=1e-12)

    torch.manual_seed(5)
    dropped = {name: dropout(getattr(layer, name).detach(), 0.5) for name in names}
    whole = {name: getattr(layer, name).detach().clone() for name in names}
    for name, weights in dropped.items():
        getattr(layer, name).data.copy_(weights)
    layer.zero_grad()
    expected = valid(packed_reference(encoder, inputs, lengths), lengths)
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-12)
    torch.autograd.backward(expected.square().sum())
    for name in names:
        through_mask = getattr(layer, name).grad * (dropped[name] != 0) / 0.5
        torch.testing.assert_close(gradients[name], through_mask, rtol=1e-10, atol=1e-12)
        getattr(layer, name).data.copy_(whole[name])
    encoder.eval()
    expected = valid(packed_reference(encoder, inputs, lengths), lengths)
    torch.testing.assert_close(valid(encoder(inputs, lengths), lengths), expected, rtol=0, atol=1e-12)
