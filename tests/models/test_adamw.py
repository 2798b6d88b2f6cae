"""AdamW from rows: the weights that PyTorch's has, whatever form the gradient comes in, and whenever they are read."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.cpu import adamw
from models.cpu.adamw import RowwiseAdamW
from tests.models.cores import check_one_core_gives_the_same_bits

STEPS = 12


def gradients(seed: int, share: float) -> list[Tensor]:
    """Of a table (30, 5), float64; `share` of the rows are not 0."""
    torch.manual_seed(seed)
    return [torch.randn(30, 5).double() * (torch.rand(30, 1) < share) for _ in range(STEPS)]


def as_rows(gradient: Tensor) -> Tensor:
    """The same, sparse, its rows in another order."""
    rows = gradient.abs().sum(dim=1).nonzero()[:, 0].flip(0)
    return torch.sparse_coo_tensor(rows[None], gradient[rows], gradient.shape, check_invariants=True)


@settings(max_examples=30, deadline=None)  # the first one waits for the compiler
@given(
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([1e-4, 0.1]),
)
def test_steps_are_those_of_pytorch(seed: int, share: float, weight_decay: float, rate: float) -> None:
    torch.manual_seed(seed)
    start = torch.randn(30, 5, dtype=torch.float64)
    dense, rowwise, theirs = (start.clone().requires_grad_() for _ in range(3))
    ours = RowwiseAdamW([rowwise], lr=rate, weight_decay=weight_decay)
    optimizers = [
        ours,
        RowwiseAdamW([dense], lr=rate, weight_decay=weight_decay),
        torch.optim.AdamW([theirs], lr=rate, weight_decay=weight_decay),
    ]
    for step, gradient in enumerate(gradients(seed, share)):
        dense.grad, rowwise.grad, theirs.grad = gradient, as_rows(gradient), gradient
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = rate / (step + 1)  # as a schedule does
            optimizer.step()
        torch.testing.assert_close(dense, theirs, rtol=1e-12, atol=1e-14)
        read = (torch.rand(30) < 0.3).nonzero()[:, 0].int()
        ours.catch_up(rowwise, read)
        torch.testing.assert_close(rowwise[read], theirs[read], rtol=1e-12, atol=1e-14)
    ours.state_dict()
    torch.testing.assert_close(rowwise, theirs, rtol=1e-12, atol=1e-14)


def trained(catches_up: Callable[[int], Tensor | None]) -> Tensor:
    """Weights after some steps; after each, the rows that `catches_up` says have caught up."""
    weights = torch.ones(30, 5, requires_grad=True)
    optimizer = RowwiseAdamW([weights], lr=0.1, weight_decay=0.1)
    for step, gradient in enumerate(gradients(1, 0.2)):
        weights.grad = as_rows(gradient.float())
        optimizer.step()
        optimizer.catch_up(weights, catches_up(step))
    optimizer.catch_up(weights)
    return weights.detach()


def test_how_often_rows_catch_up_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    seldom = trained(lambda _: torch.arange(0).int())
    assert torch.equal(trained(lambda _: None), seldom)
    assert torch.equal(trained(lambda step: torch.arange(step, 30, 3).int()), seldom)
    monkeypatch.setattr(adamw, "REMEMBERED", 3)
    assert torch.equal(trained(lambda _: torch.arange(0).int()), seldom)


def test_it_goes_on_from_its_state_with_the_same_bits() -> None:
    weights = torch.ones(30, 5, requires_grad=True)
    optimizer = RowwiseAdamW([weights], lr=0.1, weight_decay=0.1)
    for gradient in gradients(1, 0.2):
        state = copy.deepcopy(optimizer.state_dict())
        weights = weights.detach().clone().requires_grad_()
        optimizer = RowwiseAdamW([weights], lr=0.1, weight_decay=0.1)
        optimizer.load_state_dict(state)
        weights.grad = as_rows(gradient.float())
        optimizer.step()
    optimizer.catch_up(weights)
    assert torch.equal(weights, trained(lambda _: None))


def test_vectors_and_single_rows_move_as_well() -> None:
    ours = [torch.ones(size, requires_grad=True) for size in ((7,), (1, 3), (2, 3, 4))]
    theirs = [weights.detach().clone().requires_grad_() for weights in ours]
    for weights in (*ours, *theirs):
        weights.grad = torch.linspace(-1, 1, weights.numel()).view_as(weights)
    RowwiseAdamW(ours, lr=0.1, weight_decay=0.01).step()
    torch.optim.AdamW(theirs, lr=0.1, weight_decay=0.01).step()
    torch.testing.assert_close(ours, theirs)


def test_weights_without_a_gradient_stay() -> None:
    weights = torch.ones(3, 2, requires_grad=True)
    optimizer = RowwiseAdamW([weights], lr=0.1, weight_decay=0.5)
    optimizer.step()
    assert torch.equal(weights, torch.ones(3, 2))
    assert not optimizer.state


def test_one_core_gives_the_bits_of_two() -> None:
    check_one_core_gives_the_same_bits(lambda: [trained(lambda _: torch.arange(0, 30, 2).int())])
