"""The encoder gives PyTorch's packed states, whatever the padding and whoever shares the batch."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from config.choices import Cell
from models.encoder import RecurrentEncoder
from models.gpu import backend as gpu
from models.padding import reversed_positions
from models.pooling import LastPooling
from tests import needs

CELLS: tuple[Cell, ...] = get_args(Cell)

encoders = st.builds(
    lambda cell, hidden_size, layers, bidirectional: RecurrentEncoder(
        cell, 5, hidden_size, layers=layers, bidirectional=bidirectional
    ).double(),
    st.sampled_from(CELLS),
    st.integers(1, 9),
    st.integers(1, 3),
    st.booleans(),
)
document_lengths = st.lists(st.integers(1, 12), min_size=1, max_size=6).map(torch.tensor)


def documents(lengths: Tensor) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(len(lengths), int(lengths.max()), 5, dtype=torch.float64)


def valid(states: Tensor, lengths: Tensor) -> Tensor:
    """The states that mean something, one below the other."""
    return torch.cat([states[row, :length] for row, length in enumerate(lengths)])


def packed_reference(encoder: RecurrentEncoder, inputs: Tensor, lengths: Tensor) -> Tensor:
    states = inputs
    for layer in encoder.layers:
        packed = pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(layer(packed)[0], batch_first=True)
    return states


@settings(deadline=None, max_examples=60)
@given(encoders, document_lengths)
def test_states_equal_those_of_packed_sequences(encoder: RecurrentEncoder, lengths: Tensor) -> None:
    inputs = documents(lengths)
    expected = valid(packed_reference(encoder, inputs, lengths), lengths)
    torch.testing.assert_close(valid(encoder(inputs, lengths), lengths), expected, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(encoders, document_lengths)
def test_gradients_equal_those_of_packed_sequences(encoder: RecurrentEncoder, lengths: Tensor) -> None:
    def gradients(states_of: object) -> list[Tensor]:
        inputs = documents(lengths).requires_grad_()
        states = encoder(inputs, lengths) if states_of is encoder else packed_reference(encoder, inputs, lengths)
        weighted = valid(states, lengths).square().sum()
        return list(torch.autograd.grad(weighted, [inputs, *encoder.parameters()]))

    for own, expected in zip(gradients(encoder), gradients(None), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(encoders, document_lengths)
def test_last_states_have_the_bits_and_gradients_that_they_have_among_all(
    encoder: RecurrentEncoder, lengths: Tensor
) -> None:
    def last_states(alone: bool) -> list[Tensor]:
        inputs = documents(lengths).requires_grad_()
        if alone:
            last = encoder.last_states(inputs, lengths)
        else:
            last = LastPooling(encoder.bidirectional)(encoder(inputs, lengths), lengths)
        return [last, *torch.autograd.grad(last.square().sum(), [inputs, *encoder.parameters()])]

    for own, expected in zip(last_states(alone=True), last_states(alone=False), strict=True):
        assert torch.equal(own, expected)


@settings(deadline=None, max_examples=30)
@given(encoders, document_lengths)
def test_the_gpus_layer_reads_as_the_cpus(encoder: RecurrentEncoder, lengths: Tensor) -> None:
    """PyTorch reads padded documents on the CPU as well; our own kernel is for GPUs (test_lstm_kernel.py)."""
    inputs = documents(lengths)
    single = RecurrentEncoder(encoder.cell, 5, encoder.hidden_size, bidirectional=encoder.bidirectional).double()
    states = gpu.read_layer(single.cell, single.layers[0], inputs, lengths)
    last = gpu.read_layer(single.cell, single.layers[0], inputs, lengths, last_only=True)
    torch.testing.assert_close(valid(states, lengths), valid(single(inputs, lengths), lengths), rtol=0, atol=1e-12)
    torch.testing.assert_close(last, single.last_states(inputs, lengths), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_float32_states_do_not_depend_on_extra_padding_or_company(cell: Cell, bidirectional: bool) -> None:
    torch.manual_seed(1)
    encoder = RecurrentEncoder(cell, 5, 16, layers=2, bidirectional=bidirectional)
    lengths = torch.tensor([9, 4, 1, 7])
    inputs = torch.randn(4, 9, 5)
    together = encoder(inputs, lengths)
    padded = encoder(torch.cat([inputs, torch.randn(4, 30, 5)], dim=1), lengths)
    torch.testing.assert_close(valid(padded, lengths), valid(together, lengths), rtol=0, atol=1e-6)
    for row, length in enumerate(lengths):
        alone = encoder(inputs[row : row + 1, :length], length.reshape(1))
        torch.testing.assert_close(alone[0], together[row, :length], rtol=0, atol=1e-6)


@needs.bfloat16
@pytest.mark.parametrize("cell", CELLS)
def test_bfloat16_autocast_stays_close_to_float32(cell: Cell) -> None:
    torch.manual_seed(1)
    encoder = RecurrentEncoder(cell, 5, 16, bidirectional=True)
    lengths = torch.tensor([9, 4])
    inputs = torch.randn(2, 9, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = encoder(inputs, lengths)
    torch.testing.assert_close(
        valid(rough.float(), lengths), valid(encoder(inputs, lengths), lengths), rtol=0, atol=3e-2
    )


def test_dropout_stands_between_the_layers_and_nowhere_else() -> None:
    torch.manual_seed(1)
    inputs, lengths = torch.randn(2, 6, 5), torch.tensor([6, 3])
    single = RecurrentEncoder("lstm", 5, 8, layers=1, layer_dropout=0.9).train()
    torch.testing.assert_close(single(inputs, lengths), single(inputs, lengths), rtol=0, atol=0)
    stacked = RecurrentEncoder("lstm", 5, 8, layers=2, layer_dropout=0.9).train()
    assert not torch.equal(stacked(inputs, lengths), stacked(inputs, lengths))
    stacked.eval()
    torch.testing.assert_close(stacked(inputs, lengths), stacked(inputs, lengths), rtol=0, atol=0)


@given(document_lengths, st.integers(0, 5))
def test_reversed_positions_turn_each_document_and_are_their_own_inverse(lengths: Tensor, extra: int) -> None:
    time = int(lengths.max()) + extra
    order = reversed_positions(lengths, time)
    for places, length in zip(order, lengths, strict=True):
        assert places[:length].tolist() == list(range(length))[::-1]
        assert places[length:].tolist() == list(range(int(length), time))
    assert torch.equal(order.gather(1, order), torch.arange(time).expand_as(order))
