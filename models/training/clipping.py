"""Gradient clipping for dense and sparse gradients."""

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer


def clip(optimizer: Optimizer, largest: float | None) -> Tensor:
    """Scales the gradients so that their norm is `largest` at most, as PyTorch does; returns the norm before, ()."""
    gradients = [w.grad for group in optimizer.param_groups for w in group["params"] if w.grad is not None]
    gradients = [gradient._values() if gradient.is_sparse else gradient for gradient in gradients]
    norm = get_total_norm(gradients)
    if largest is not None:
        torch._foreach_mul_(gradients, (largest / (norm + 1e-6)).clamp(max=1.0))
    return norm
