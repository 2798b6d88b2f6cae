"""Dropout of word vectors on the CPU: the right share, everywhere, the same numbers in both passes."""

import os

import pytest
import torch

from models.cpu.dropout import dropout
from tests.models.cores import check_one_core_gives_the_same_bits

P = 0.3


def dropped(seed: int, shape: tuple[int, ...] = (40, 50, 60), p: float = P) -> torch.Tensor:
    torch.manual_seed(seed)
    return dropout(torch.ones(shape), p)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.95])
def test_it_drops_the_share_that_it_should_and_keeps_the_mean(p: float) -> None:
    values = dropped(1, p=p)
    assert sorted(set(values.flatten().tolist())) == pytest.approx([0.0, 1 / (1 - p)])
    spread = (p * (1 - p) / values.numel()) ** 0.5
    assert float((values == 0).double().mean()) == pytest.approx(p, abs=4 * spread)


def test_places_and_draws_are_independent_of_each_other() -> None:
    one, two = ((dropped(seed) == 0).double().flatten() for seed in (1, 2))
    n = len(one)
    limit = 4 * n**-0.5  # of a correlation that chance explains
    for distance in (1, 2, 60, 3000, n // 2):
        assert abs(torch.corrcoef(torch.stack([one[distance:], one[:-distance]]))[0, 1]) < limit
    assert abs(torch.corrcoef(torch.stack([one, two]))[0, 1]) < limit
    for dimension in (0, 1, 2):  # no document, token or column is special
        others = [other for other in range(3) if other != dimension]
        shares = (dropped(3) == 0).double().mean(dim=others)
        spread = (P * (1 - P) * len(shares) / n) ** 0.5
        assert shares.sub(P).abs().max() < 5 * spread


def test_a_seed_gives_the_same_bits_and_the_gradient_the_same_numbers() -> None:
    values = torch.randn(7, 11, 3, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(4)
    first = dropout(values, P)
    torch.manual_seed(4)
    assert torch.equal(dropout(values, P), first)
    factors = torch.randn_like(values)
    (gradient,) = torch.autograd.grad(first, values, factors)
    survives = first != 0
    torch.testing.assert_close(first[survives], values[survives] / (1 - P))
    torch.testing.assert_close(gradient, survives * factors / (1 - P))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds processes to cores")
def test_one_core_gives_the_same_bits() -> None:
    check_one_core_gives_the_same_bits(lambda: [dropped(1), dropped(1, (3,)), dropped(1, (1,))])
