"""Every pooling sees a document's own positions and nothing else."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from config.choices import PoolingName
from models.pooling import build_pooling

NAMES: tuple[PoolingName, ...] = get_args(PoolingName)
LENGTHS = st.lists(st.integers(1, 8), min_size=1, max_size=5).map(torch.tensor)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=30)
@given(lengths=LENGTHS, extra=st.integers(0, 4), bidirectional=st.booleans())
def test_what_stands_in_the_padding_does_not_matter(
    name: PoolingName, lengths: Tensor, extra: int, bidirectional: bool
) -> None:
    torch.manual_seed(0)
    pooling = build_pooling(name, 6, bidirectional)
    states = torch.randn(len(lengths), int(lengths.max()) + extra, 6)
    pooled = pooling(states, lengths)
    assert pooled.shape == (len(lengths), 6)
    for row, length in enumerate(lengths):
        alone = pooling(states[row : row + 1, :length], length.reshape(1))
        torch.testing.assert_close(pooled[row : row + 1], alone, rtol=0, atol=1e-6)


def test_last_pooling_joins_the_two_final_states() -> None:
    states = torch.arange(2 * 3 * 4, dtype=torch.float32).reshape(2, 3, 4)
    pooled = build_pooling("last", 4, bidirectional=True)(states, torch.tensor([3, 2]))
    assert pooled.tolist() == [[8, 9, 2, 3], [16, 17, 14, 15]]


def test_last_pooling_of_one_direction_takes_the_last_token() -> None:
    states = torch.arange(2 * 3 * 2, dtype=torch.float32).reshape(2, 3, 2)
    assert build_pooling("last", 2, bidirectional=False)(states, torch.tensor([3, 1])).tolist() == [[4, 5], [6, 7]]


def test_max_and_mean_pooling_calculate_what_they_say() -> None:
    states = torch.tensor([[[-1.0, 4.0], [-3.0, 2.0], [9.0, 9.0]]])
    lengths = torch.tensor([2])
    assert build_pooling("max", 2, bidirectional=False)(states, lengths).tolist() == [[-1, 4]]
    assert build_pooling("mean", 2, bidirectional=False)(states, lengths).tolist() == [[-2, 3]]


def test_attention_weights_sum_to_one() -> None:
    pooling = build_pooling("attention", 3, bidirectional=False)
    same = torch.tensor([1.0, 2.0, 3.0]).expand(1, 5, 3)
    torch.testing.assert_close(pooling(same, torch.tensor([4])), same[:, 0])


@settings(deadline=None, max_examples=50)
@given(lengths=LENGTHS, extra=st.integers(0, 3), seed=st.integers(0, 99))
def test_max_pooling_and_its_gradient_are_those_of_pytorch(lengths: Tensor, extra: int, seed: int) -> None:
    torch.manual_seed(seed)
    states = torch.randn(len(lengths), int(lengths.max()) + extra, 3, requires_grad=True)
    pooled = build_pooling("max", 3, bidirectional=False)(states, lengths)
    expected = torch.stack([row[:length].amax(dim=0) for row, length in zip(states, lengths, strict=True)])
    weights = torch.randn_like(pooled)
    gradients = [torch.autograd.grad((each * weights).sum(), states)[0] for each in (pooled, expected)]
    assert torch.equal(pooled, expected)
    assert torch.equal(*gradients)


def test_of_equal_states_the_first_one_gets_the_gradient_of_max_pooling() -> None:
    states = torch.tensor([[[1.0], [2.0], [2.0]]], requires_grad=True)
    build_pooling("max", 1, bidirectional=False)(states, torch.tensor([3])).sum().backward()
    assert states.grad is not None
    assert states.grad.flatten().tolist() == [0, 1, 0]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_max_pooling_does_not_hide_what_is_no_number(place: int) -> None:
    states = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1)
    states[0, place] = torch.nan
    assert torch.isnan(build_pooling("max", 1, bidirectional=False)(states, torch.tensor([3]))).all()
