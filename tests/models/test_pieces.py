"""Reading in pieces: each piece gets the states that PyTorch computes for it alone, and pooling sees all of them."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.cpu.word_vectors import embed, prediction_embedder
from models.embedding import IndexedVectors
from models.encoder import RecurrentEncoder
from models.gpu import backend as gpu
from models.inside.trace import explain
from models.textbook import read
from tests.models.plain import plain_classifier
from tests.models.test_encoder import CELLS, document_lengths, documents, valid

segments = st.integers(1, 14)  # documents have 1 to 12 tokens
encoders = st.builds(
    lambda cell, layers, bidirectional, segment: RecurrentEncoder(
        cell, 5, 4, layers=layers, bidirectional=bidirectional, segment=segment
    ).double(),
    st.sampled_from(CELLS),
    st.integers(1, 2),
    st.booleans(),
    segments,
)


def reference(encoder: RecurrentEncoder, inputs: Tensor, lengths: Tensor) -> Tensor:
    """The valid states of plain nn.LSTMs, nn.GRUs or nn.RNNs that read one piece after another."""
    assert encoder.segment is not None
    states = []
    for document, length in zip(inputs, lengths, strict=True):
        vectors = document[:length]
        for layer in encoder.layers:
            vectors = torch.cat([layer(piece.unsqueeze(0))[0][0] for piece in vectors.split(encoder.segment)])
        states.append(vectors)
    return torch.cat(states)


@settings(deadline=None, max_examples=60)
@given(encoders, document_lengths)
def test_states_and_gradients_are_those_of_pieces_read_alone(encoder: RecurrentEncoder, lengths: Tensor) -> None:
    def results(own: bool) -> list[Tensor]:
        inputs = documents(lengths).requires_grad_()
        states = valid(encoder(inputs, lengths), lengths) if own else reference(encoder, inputs, lengths)
        return [states, *torch.autograd.grad(states.square().sum(), [inputs, *encoder.parameters()])]

    for own, expected in zip(results(own=True), results(own=False), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-11)


@settings(deadline=None, max_examples=30)
@given(encoders, document_lengths)
def test_the_gpus_layer_reads_the_same_pieces(encoder: RecurrentEncoder, lengths: Tensor) -> None:
    inputs = documents(lengths)
    (layer, *_), segment = encoder.layers, encoder.segment
    states = gpu.read_layer(encoder.cell, layer, inputs, lengths, segment=segment)
    single = RecurrentEncoder(encoder.cell, 5, 4, bidirectional=encoder.bidirectional, segment=segment).double()
    single.layers[0].load_state_dict(layer.state_dict())
    torch.testing.assert_close(valid(states, lengths), reference(single, inputs, lengths), rtol=0, atol=1e-12)
    assert states.isfinite().all()


@settings(deadline=None, max_examples=20)
@given(encoders, st.integers(1, 12))
def test_the_textbooks_equations_read_the_same_pieces(encoder: RecurrentEncoder, length: int) -> None:
    inputs, lengths = documents(torch.tensor([length])), torch.tensor([length])
    states, passages = read(encoder, inputs[0])
    torch.testing.assert_close(states, valid(encoder(inputs, lengths), lengths), rtol=0, atol=1e-12)
    assert all(len(passage.steps) == length for passage in passages)


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    return torch.randint(2, 50, (4, 11), dtype=torch.int32), torch.tensor([11, 4, 1, 8])


@pytest.mark.parametrize("pooling", ["max", "mean", "attention", ["max", "mean", "attention"]])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_pooling_sees_all_states_of_a_document(pooling: Any, bidirectional: bool) -> None:
    classifier = plain_classifier(
        50, 3, pooling=pooling, bidirectional=bidirectional, segment=3, hidden_size=4
    ).double()
    tokens, lengths = batch()
    logits = classifier(tokens, lengths)
    for row, length in enumerate(lengths):
        states = reference(classifier.encoder, classifier.embedding(tokens[row : row + 1]), length.view(1))
        alone = classifier.decide(classifier.pooling(states.unsqueeze(0), length.view(1)))
        torch.testing.assert_close(logits[row], alone[0], rtol=1e-12, atol=1e-12)
    loss = logits.logsumexp(dim=1).sum()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, list(classifier.parameters())))


def test_a_word_is_still_multiplied_once_and_beforehand_where_many_are_predicted() -> None:
    classifier = plain_classifier(50, 2, pooling="max", segment=3, hidden_size=4).double().eval()
    tokens, lengths = batch()
    words = embed(classifier.embedding, tokens)
    assert isinstance(words, IndexedVectors)
    assert len(words.vectors) == len(torch.unique(tokens))
    encoder = classifier.encoder
    with torch.inference_mode():
        multiplied = prediction_embedder(classifier.embedding, encoder.cell, encoder.layers[0], tokens=1000)(tokens)
        torch.testing.assert_close(classifier.classify(multiplied, lengths), classifier(tokens, lengths))


def test_no_gradient_passes_the_end_of_a_piece() -> None:
    encoder = RecurrentEncoder("lstm", 5, 4, bidirectional=True, segment=3)
    inputs = torch.randn(1, 8, 5, requires_grad=True)
    states = encoder(inputs, torch.tensor([8]))
    (gradient,) = torch.autograd.grad(states[0, 4].sum(), inputs)  # in the second piece, tokens 3 to 5
    assert gradient[0].abs().sum(dim=1).gt(0).tolist() == [False] * 3 + [True] * 3 + [False] * 2


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_is_left_of_each_word_adds_up_to_the_memory_at_the_end_of_its_piece(
    cell: Any, bidirectional: bool
) -> None:
    torch.manual_seed(1)
    changes: dict[str, Any] = {"pooling": ["max", "mean"], "head_size": 6, "segment": 3, "hidden_size": 4}
    reading = explain(plain_classifier(50, 2, cell=cell, bidirectional=bidirectional, **changes), batch()[0][0, :8], 0)
    assert reading.segment == 3
    for passage in reading.passages:
        memory, left = passage.values[reading.description.memory], passage.left
        assert left is not None
        for start in (0, 3, 6):
            piece = slice(start, min(start + 3, 8))
            end = piece.stop - 1 if passage.direction == "forward" else piece.start
            torch.testing.assert_close(torch.tensor(left[piece].sum(axis=0)), torch.tensor(memory[end]))
