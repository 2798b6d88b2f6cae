"""Where recurrent weights start, and how far the gradient reaches from there."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from config.choices import Cell, Initialization
from core.constants import PADDING_INDEX
from models.classifier import TextClassifier
from models.encoder import RecurrentEncoder
from models.textbook import gates_of, read
from tests.models.plain import plain_classifier


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_orthogonal_makes_every_gates_recurrent_weights_orthogonal(cell: Cell) -> None:
    encoder = RecurrentEncoder(cell, 5, 8, layers=2, bidirectional=True, recurrent_init="orthogonal").double()
    for layer in encoder.layers:
        for direction in ("forward", "backward"):
            for gate in gates_of(cell, layer, direction).values():
                torch.testing.assert_close(
                    gate.W_h @ gate.W_h.t(), torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-6
                )


def test_the_forget_bias_is_that_of_the_textbooks_one_bias_and_no_other_weight_changes() -> None:
    torch.manual_seed(1)
    plain = RecurrentEncoder("lstm", 5, 8, layers=2, bidirectional=True)
    torch.manual_seed(1)
    biased = RecurrentEncoder("lstm", 5, 8, layers=2, bidirectional=True, forget_bias=1.5)
    for one, other in zip(plain.layers, biased.layers, strict=True):
        for direction in ("forward", "backward"):
            before, after = (gates_of("lstm", layer, direction) for layer in (one, other))
            assert torch.equal(after["f"].b, torch.full((1, 8), 1.5))
            assert torch.equal(before["f"].W_h, after["f"].W_h)
            for name in "igo":
                assert torch.equal(before[name].b, after[name].b)


def test_the_defaults_are_pytorchs_own_weights() -> None:
    torch.manual_seed(1)
    expected = torch.nn.LSTM(5, 8, bidirectional=True).state_dict()
    torch.manual_seed(1)
    drawn = RecurrentEncoder("lstm", 5, 8, bidirectional=True).layers[0].state_dict()
    assert all(torch.equal(drawn[name], weights) for name, weights in expected.items())


def gradient_reaching(encoder: RecurrentEncoder, back: int, state: str) -> float:
    """Norm of the gradient at a state so many tokens back, relative to that at the end."""
    document = torch.randn(back + 1, 5, dtype=torch.float64)
    states, (passage,) = read(encoder.double(), document)
    norms: list[Tensor] = [
        torch.autograd.grad(states[-1].sum(), passage.steps[token][state], retain_graph=True)[0].norm()
        for token in (0, -1)
    ]
    return float(norms[0] / norms[1])


def test_a_forget_bias_of_one_and_orthogonal_weights_let_the_gradient_reach_further_back() -> None:
    torch.manual_seed(1)
    lstm = {bias: gradient_reaching(RecurrentEncoder("lstm", 5, 64, forget_bias=bias), 20, "C") for bias in (None, 1.0)}
    assert lstm[1.0] > 100 * lstm[None]
    rnn = gradient_reaching(RecurrentEncoder("rnn", 5, 64), 20, "h")
    orthogonal = gradient_reaching(RecurrentEncoder("rnn", 5, 64, recurrent_init="orthogonal"), 20, "h")
    assert orthogonal > 10 * rnn


def test_the_example_of_the_docs_prints_what_the_docs_say(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "gates.md").read_text(encoding="utf-8")
    code, expected = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", page, re.DOTALL).groups()  # type: ignore[union-attr]
    try:
        exec(code, {})
    finally:
        torch.set_default_dtype(torch.float32)
    for shown, line in zip(capsys.readouterr().out.splitlines(), expected.splitlines(), strict=True):
        assert shown[:32] == line[:32]
        # Printed with one digit, which another machine may round the other way.
        assert [float(value) for value in shown[32:].split()] == pytest.approx(
            [float(value) for value in line[32:].split()], rel=1
        )


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_keras_starts_are_those_of_its_layers(cell: Cell) -> None:
    torch.manual_seed(1)
    classifier = plain_classifier(500, 3, cell=cell, bidirectional=True, hidden_size=8, initialization="keras").double()
    (layer,) = classifier.encoder.layers
    words = classifier.embedding.weight[2:]
    assert 0.049 < words.abs().max() <= 0.05
    assert words.std().item() == pytest.approx(0.05 / 3**0.5, rel=0.02)  # uniform
    assert not classifier.embedding.weight[PADDING_INDEX].any()
    limit = (6 / (16 + 3)) ** 0.5  # Glorot: fan in 2·8, fan out 3
    assert 0.9 * limit < classifier.head.weight.abs().max() <= limit
    assert not classifier.head.bias.any()
    for direction in ("forward", "backward"):
        gates = gates_of(cell, layer, direction)
        kernel = torch.cat([gate.W_x for gate in gates.values()], dim=1)  # (K, gates·h), as Keras has it
        limit = (6 / sum(kernel.shape)) ** 0.5
        assert 0.98 * limit < kernel.abs().max() <= limit
        recurrent = torch.cat([gate.W_h for gate in gates.values()], dim=1)  # (h, gates·h)
        torch.testing.assert_close(recurrent @ recurrent.t(), torch.eye(8, dtype=torch.float64), rtol=0, atol=1e-6)
        for name, gate in gates.items():
            assert torch.equal(gate.b, torch.full_like(gate.b, 1.0 if (cell, name) == ("lstm", "f") else 0.0))


def test_pretrained_vectors_stay_what_they_are_under_keras_starts() -> None:
    vectors = torch.arange(12.0).reshape(4, 3)
    classifier = plain_classifier(4, 2, cell="rnn", embedding_size=3, initialization="keras", vectors=vectors)
    assert torch.equal(classifier.embedding.weight, vectors)


@pytest.mark.parametrize("initialization", ["pytorch", "keras"])
def test_words_without_a_vector_start_from_random_numbers_as_large_as_those_of_the_vectors(
    initialization: Initialization,
) -> None:
    def start(seed: int, vectors: Tensor | None) -> TextClassifier:
        torch.manual_seed(seed)
        return plain_classifier(1000, 2, vectors, cell="lstm", initialization=initialization)

    vectors = torch.full((1000, 128), torch.nan)
    vectors[500:] = 3 + 4 * torch.randn(500, 128)  # of a root mean square of 5
    words, others, repeated = (start(seed, vectors).embedding.weight for seed in (1, 2, 1))
    assert torch.equal(words[500:], vectors[500:])
    assert not words[PADDING_INDEX].any()
    without = torch.cat([words[:1], words[2:500]])
    assert without.square().mean().sqrt().item() == pytest.approx(5, rel=0.02)
    assert without.mean().item() == pytest.approx(0, abs=0.1)
    assert torch.equal(words, repeated)
    assert not torch.equal(words[2:500], others[2:500])
    assert torch.equal(start(1, vectors).head.weight, start(1, None).head.weight)


def test_a_file_without_any_vector_leaves_the_words_as_they_are() -> None:
    starts = []
    for vectors in (None, torch.full((9, 4), torch.nan)):
        torch.manual_seed(1)
        starts.append(plain_classifier(9, 2, vectors, cell="gru", embedding_size=4).embedding.weight)
    assert torch.equal(*starts)


def test_a_classifier_hands_its_initialization_on() -> None:
    classifier = plain_classifier(50, 2, cell="lstm", forget_bias=1.0, input_bias=-3.0, recurrent_init="orthogonal")
    (layer,) = classifier.encoder.layers
    gates = gates_of("lstm", layer, "forward")
    assert torch.equal(gates["f"].b, torch.ones(1, 64))
    assert torch.equal(gates["i"].b, torch.full((1, 64), -3.0))
    assert (gates["o"].b != 0).all()
    torch.testing.assert_close(gates["o"].W_h @ gates["o"].W_h.t(), torch.eye(64), rtol=0, atol=1e-5)
