"""The compiled loops: right gradients, NaN not hidden, the same bits however much is kept and whatever cores there are.

That they compute PyTorch's and the textbook's states is tested in test_encoder.py and test_textbook.py.
"""

import os
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit
from torch import Tensor

from models.cpu import loops
from models.cpu.parts import all_positions, distinct, parts_of
from models.cpu.products import DEPTH_AT_ONCE
from models.cpu.recurrence import read_layer
from models.embedding import IndexedVectors
from models.encoder import RecurrentEncoder
from tests.models.cores import check_one_core_gives_the_same_bits
from tests.models.test_encoder import CELLS, document_lengths, documents, encoders, packed_reference, valid


def arguments(cell: str, dtype: torch.dtype = torch.float64) -> tuple[Any, ...]:
    """Of `states`: some inputs are read several times, one never."""
    torch.manual_seed(3)
    module = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](3, 4, dtype=dtype)
    inputs = torch.randn(5, 3, dtype=dtype, requires_grad=True)
    index = torch.tensor([[0, 1, 3, 0], [1, 1, 4, 3]], dtype=torch.int32)
    return cell, module, inputs, index


def states(cell: Any, layer: Any, inputs: Tensor, index: Tensor) -> Tensor:
    """Of all positions: (batch, time, h)."""
    return read_layer(cell, layer, IndexedVectors(inputs, index), torch.tensor([4, 4]))


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_finite_differences(cell: str) -> None:
    name, layer, inputs, index = arguments(cell)
    assert torch.autograd.gradcheck(lambda x, *_: states(name, layer, x, index), (inputs, *layer.parameters()))


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_kept_for_the_backward_pass_changes_no_bit(cell: str) -> None:
    for dtype in (torch.float32, torch.float64):
        trained = states(*arguments(cell, dtype))
        with torch.inference_mode():
            assert torch.equal(states(*arguments(cell, dtype)), trained)


@pytest.mark.parametrize("cell", CELLS)
def test_more_steps_than_fit_in_one_product_have_pytorchs_gradients(cell: Any) -> None:
    torch.manual_seed(1)
    encoder = RecurrentEncoder(cell, 3, 4).double()
    lengths = torch.tensor([2 * loops.TOGETHER + 3, loops.TOGETHER, 1] * 20)
    assert len(lengths) / 2 * loops.TOGETHER > DEPTH_AT_ONCE
    inputs = torch.randn(len(lengths), int(lengths.max()), 3, dtype=torch.float64, requires_grad=True)
    own, expected = (
        torch.autograd.grad(valid(states, lengths).square().sum(), [inputs, *encoder.parameters()])
        for states in (encoder(inputs, lengths), packed_reference(encoder, inputs, lengths))
    )
    for gradient, right in zip(own, expected, strict=True):
        torch.testing.assert_close(gradient, right, rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(encoders, document_lengths, st.sampled_from([None, 3]), st.booleans())
def test_vectors_of_each_position_are_read_as_vectors_that_positions_share(
    encoder: RecurrentEncoder, lengths: Tensor, segment: int | None, last_only: bool
) -> None:
    """The former are multiplied by W_x within the steps, the latter before them."""

    def results(shared: bool) -> list[Tensor]:
        inputs = documents(lengths).requires_grad_()
        each = IndexedVectors(inputs.flatten(0, 1), all_positions(*inputs.shape[:2])) if shared else inputs
        last = last_only and segment is None
        states = read_layer(encoder.cell, encoder.layers[0], each, lengths, last, segment)
        states = states if last else valid(states, lengths)
        return [states, *torch.autograd.grad(states.square().sum(), [inputs, *encoder.layers[0].parameters()])]

    for own, expected in zip(results(shared=False), results(shared=True), strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_no_finite_numbers_are_not_hidden(cell: str, value: float) -> None:
    name, layer, inputs, index = arguments(cell, torch.float32)
    result = states(name, layer, inputs.detach() * torch.tensor([value, 1, 1]), index)
    assert torch.isnan(result[:, -1]).all() == np.isnan(value)
    assert (result.abs() <= 1).all() or np.isnan(value)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds processes to cores")
@pytest.mark.parametrize("bidirectional", [False, True])
def test_one_core_gives_the_bits_of_two(bidirectional: bool) -> None:
    def compute() -> list[torch.Tensor]:
        torch.manual_seed(1)
        encoder = RecurrentEncoder("lstm", 8, 16, bidirectional=bidirectional)
        states = encoder(torch.randn(7, 40, 8), torch.arange(34, 41))
        return [states, *torch.autograd.grad(states.square().sum(), list(encoder.parameters()))]

    check_one_core_gives_the_same_bits(compute)


@settings(deadline=None)
@given(document_lengths, st.integers(0, 3), st.sampled_from([None, 1, 3, 5]))
def test_two_halves_read_different_positions(lengths: Tensor, extra: int, segment: int | None) -> None:
    """Both write the gradients of what they read into one array, at the same time."""
    index = all_positions(len(lengths), int(lengths.max()) + extra)
    parts = parts_of(index, lengths, bidirectional=False, last_only=False, segment=segment)
    read = [set(part.reads.flatten().tolist()) for part in parts]
    assert len(set.union(*read)) == sum(map(len, read))


@settings(deadline=None)
@given(arrays(np.int32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 9)))
def test_different_values_are_numbered_in_their_order(values: Any) -> None:
    different, index = distinct(torch.from_numpy(values), size=10)
    assert torch.equal(different[index], torch.from_numpy(values))
    assert different.tolist() == list(dict.fromkeys(values.flatten().tolist()))


tanh: Any = loops.tanh
sigmoid: Any = loops.sigmoid


def tanh_and_sigmoid(values):  # type: ignore[no-untyped-def]  # numba refuses annotations that differ
    one, other = np.empty_like(values), np.empty_like(values)
    for j in range(len(values)):
        one[j], other[j] = tanh(values[j]), sigmoid(values[j])
    return one, other


def test_float32_functions_are_right_to_the_last_digits() -> None:
    values = np.concatenate([np.linspace(-30, 30, 200_001), np.geomspace(1e-30, 1, 1000)]).astype(np.float32)
    compiled: Any = njit(tanh_and_sigmoid)
    one, other = compiled(values)
    exact = values.astype(np.float64)
    np.testing.assert_allclose(one, np.tanh(exact), rtol=5e-7, atol=0)
    np.testing.assert_allclose(other, 1 / (1 + np.exp(-exact)), rtol=0, atol=3e-7)
    assert np.abs(one).max() <= 1
