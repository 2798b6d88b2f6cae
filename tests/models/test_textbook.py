"""The textbook's equations are what PyTorch's kernels and this project's encoder compute, and they show each step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.encoder import RecurrentEncoder
from models.textbook import gates_of, read
from tests.models.test_encoder import CELLS, document_lengths, documents, encoders, packed_reference, valid


def textbook_states(encoder: RecurrentEncoder, inputs: Tensor, lengths: Tensor) -> Tensor:
    """A batch is its documents one by one: (all tokens, output_size)."""
    return torch.cat([read(encoder, inputs[row, :length])[0] for row, length in enumerate(lengths)])


@settings(deadline=None, max_examples=60)
@given(encoders, document_lengths)
def test_states_equal_those_of_the_encoder_and_of_pytorchs_kernels(encoder: RecurrentEncoder, lengths: Tensor) -> None:
    inputs = documents(lengths)
    states = textbook_states(encoder, inputs, lengths)
    for other in (encoder(inputs, lengths), packed_reference(encoder, inputs, lengths)):
        torch.testing.assert_close(states, valid(other, lengths), rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(encoders, document_lengths)
def test_gradients_equal_those_of_the_encoder_and_of_pytorchs_kernels(
    encoder: RecurrentEncoder, lengths: Tensor
) -> None:
    def gradients(states: Tensor, inputs: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(states.square().mean(), [inputs, *encoder.parameters()]))

    inputs = documents(lengths).requires_grad_()
    own = gradients(textbook_states(encoder, inputs, lengths), inputs)
    for states in (encoder(inputs, lengths), packed_reference(encoder, inputs, lengths)):
        for own_gradient, expected in zip(own, gradients(valid(states, lengths), inputs), strict=True):
            torch.testing.assert_close(own_gradient, expected, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(CELLS), st.integers(1, 3), st.booleans(), st.integers(1, 12))
def test_a_stacked_module_of_pytorch_itself_gives_the_same_states(
    cell: str, layers: int, bidirectional: bool, length: int
) -> None:
    torch.manual_seed(2)
    module = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](
        5, 4, layers, bidirectional=bidirectional
    ).double()
    encoder = RecurrentEncoder(cell, 5, 4, layers=layers, bidirectional=bidirectional).double()  # type: ignore[arg-type]
    for name, weights in module.state_dict().items():  # such as weight_ih_l2_reverse
        kind, _, rest = name.partition("_l")
        depth, _, reverse = rest.partition("_")
        getattr(encoder.layers[int(depth)], f"{kind}_l0{'_' + reverse if reverse else ''}").data.copy_(weights)
    document = torch.randn(length, 5, dtype=torch.float64)
    torch.testing.assert_close(read(encoder, document)[0], module(document)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_memory_at_every_step_is_that_of_the_kernel(direction: str) -> None:
    torch.manual_seed(1)
    encoder = RecurrentEncoder("lstm", 5, 4, bidirectional=True).double()
    document = torch.randn(9, 5, dtype=torch.float64)
    passage = next(reading for reading in read(encoder, document)[1] if reading.direction == direction)
    number = 0 if direction == "forward" else 1
    for token, step in enumerate(passage.steps):
        seen = document[: token + 1] if direction == "forward" else document[token:]
        _, (_, memory) = encoder.layers[0](seen.unsqueeze(0))  # (2, 1, h): of both directions after the last step
        torch.testing.assert_close(step["C"], memory[number], rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(encoders, st.integers(1, 12))
def test_each_step_obeys_the_equations_of_the_memory(encoder: RecurrentEncoder, length: int) -> None:
    document = documents(torch.tensor([length]))[0]
    _, passages = read(encoder, document)
    assert [(p.layer, p.direction) for p in passages] == [
        (layer + 1, way)
        for layer in range(len(encoder.layers))
        for way in ("forward", "backward")
        if way == "forward" or encoder.bidirectional
    ]
    for passage in passages:
        steps = passage.steps if passage.direction == "forward" else passage.steps[::-1]
        zeros = torch.zeros(1, encoder.hidden_size, dtype=torch.float64)
        for before, step in zip([{"h": zeros, "C": zeros}, *steps], steps, strict=False):
            assert all(value.shape == (1, encoder.hidden_size) for value in step.values())
            if encoder.cell == "lstm":
                torch.testing.assert_close(step["C"], step["f"] * before["C"] + step["i"] * step["g"])
                torch.testing.assert_close(step["h"], step["o"] * step["C"].tanh())
            elif encoder.cell == "gru":
                torch.testing.assert_close(step["h"], step["z"] * before["h"] + (1 - step["z"]) * step["n"])


def test_the_gates_are_found_in_pytorchs_packed_weights() -> None:
    encoder = RecurrentEncoder("lstm", 3, 2, bidirectional=True)
    (layer,) = encoder.layers
    gates, weights = gates_of("lstm", layer, "backward"), layer.state_dict()
    assert gates["f"].W_x.shape == (3, 2)
    assert gates["f"].W_h.shape == (2, 2)
    # i | f | g | o, each with hidden_size rows
    assert torch.equal(gates["f"].W_x, weights["weight_ih_l0_reverse"][2:4].t())
    assert torch.equal(gates["o"].b[0], weights["bias_ih_l0_reverse"][6:] + weights["bias_hh_l0_reverse"][6:])
