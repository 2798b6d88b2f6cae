"""Two calculations at the same time have the bits, the gradients and the errors of one after another."""

import os

import pytest
import torch
from torch import Tensor

from models.side_by_side import side_by_side
from tests.models.cores import check_one_core_gives_the_same_bits


def calculate(inputs: Tensor, weights: Tensor) -> Tensor:
    return torch.tanh(inputs @ weights)


def tensors() -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(5, 5, requires_grad=True) for _ in range(4)]


def test_results_and_gradients_are_those_of_one_after_another() -> None:
    one, other, three, four = tensors()
    results = side_by_side(calculate, (one, other), (three, four))
    expected = calculate(one, other), calculate(three, four)
    for result, right in zip(results, expected, strict=True):
        assert torch.equal(result, right)
    together = torch.autograd.grad(results[0].sum() + results[1].pow(3).sum(), [one, other, three, four])
    alone = torch.autograd.grad(expected[0].sum() + expected[1].pow(3).sum(), [one, other, three, four])
    for gradient, right in zip(together, alone, strict=True):
        assert torch.equal(gradient, right)


def test_a_tensor_that_both_read_gets_both_gradients() -> None:
    shared, one, other, _ = tensors()
    first, second = side_by_side(calculate, (shared, one), (shared, other))
    (gradient,) = torch.autograd.grad(first.sum() + second.sum(), [shared])
    (expected,) = torch.autograd.grad((calculate(shared, one) + calculate(shared, other)).sum(), [shared])
    torch.testing.assert_close(gradient, expected)


def test_tensors_without_a_gradient_stay_without() -> None:
    one, other, three, four = tensors()
    results = side_by_side(calculate, (one.detach(), other), (three.detach(), four))
    torch.autograd.backward((results[0] + results[1]).sum())
    assert one.grad is None
    assert other.grad is not None
    assert four.grad is not None


def test_both_run_under_the_same_autocast_and_inference_mode() -> None:
    one, other, three, four = tensors()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert {result.dtype for result in side_by_side(calculate, (one, other), (three, four))} == {torch.bfloat16}
    with torch.inference_mode():
        results = side_by_side(calculate, (one, other), (three, four))
    assert all(result.is_inference() and not result.requires_grad for result in results)
    with torch.no_grad():
        assert not side_by_side(calculate, (one, other), (three, four))[1].requires_grad


@pytest.mark.parametrize("place", [0, 1])
def test_an_error_in_either_comes_out(place: int) -> None:
    one, other, three, four = tensors()
    pairs = [(one, other), (three, four)]
    pairs[place] = (one, torch.ones(3, 3))
    with pytest.raises(RuntimeError, match="shapes"):
        side_by_side(calculate, pairs[0], pairs[1])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds processes to cores")
def test_one_core_gives_the_same_bits() -> None:
    def compute() -> list[torch.Tensor]:
        one, other, three, four = tensors()
        results = side_by_side(calculate, (one, other), (three, four))
        gradients = torch.autograd.grad(results[0].sum() + results[1].pow(3).sum(), [one, other, three, four])
        return [*results, *gradients]

    check_one_core_gives_the_same_bits(compute)
