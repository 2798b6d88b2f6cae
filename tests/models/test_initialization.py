"""Where recurrent weights start, and how far the gradient reaches from there."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.classifier import TextClassifier
from models.encoder import RecurrentEncoder
from models.recurrence import Cell
from models.textbook import gates_of, read


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
    found = RecurrentEncoder("lstm", 5, 8, bidirectional=True).layers[0].state_dict()
    assert all(torch.equal(found[name], weights) for name, weights in expected.items())


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


def test_a_classifier_hands_its_initialization_on() -> None:
    classifier = TextClassifier(50, 2, cell="lstm", forget_bias=1.0, recurrent_init="orthogonal")
    (layer,) = classifier.encoder.layers
    assert torch.equal(gates_of("lstm", layer, "forward")["f"].b, torch.ones(1, 64))
