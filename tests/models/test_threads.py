"""Calculations at the same time have the results and the errors of one after another."""

import os
import threading

import pytest
import torch

from models.cpu import threads
from models.cpu.threads import in_parallel
from tests.models.cores import check_one_core_gives_the_same_bits


def test_results_come_in_the_order_of_their_calculations() -> None:
    assert in_parallel(lambda: 1, lambda: 2, lambda: 3) == [1, 2, 3]
    assert in_parallel(lambda: 1) == [1]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs 2 cores")
def test_two_of_them_run_at_the_same_time() -> None:
    met = threading.Barrier(2)
    assert sorted(in_parallel(lambda: met.wait(60), lambda: met.wait(60))) == [0, 1]


def test_neither_records_gradients() -> None:
    weights = torch.randn(3, requires_grad=True)
    assert not any(result.requires_grad for result in in_parallel(lambda: weights * 2, lambda: weights * 3))
    assert (weights * 2).requires_grad


def test_both_use_as_many_kernel_threads() -> None:
    threads._second_thread.cache_clear()  # which an earlier test may have made with another number
    one, other = in_parallel(torch.get_num_threads, torch.get_num_threads)
    assert one == other


@pytest.mark.parametrize("place", [0, 1])
def test_an_error_in_either_comes_out(place: int) -> None:
    calculations = [lambda: 1, lambda: 1]
    calculations[place] = lambda: 1 // 0
    with pytest.raises(ZeroDivisionError):
        in_parallel(*calculations)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds processes to cores")
def test_one_core_gives_the_same_bits() -> None:
    def compute() -> list[torch.Tensor]:
        torch.manual_seed(0)
        one, other = torch.randn(2, 50, 50)
        return in_parallel(lambda: torch.tanh(one @ other), lambda: torch.tanh(other @ one))

    check_one_core_gives_the_same_bits(compute)
