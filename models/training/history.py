"""The line that a training's history has for each epoch."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.training.step_records import NORM, sums


def line_of_epoch(
    steps: Tensor, validation: Tensor, learning_rate: float, reduce: Callable[[Tensor], Tensor]
) -> dict[str, float]:
    """What an epoch's batches add up to, over all processes.

    Losses and accuracies are unweighted means over documents, not over batches, without label smoothing. Those of
    training are measured while the weights change, and on the weights themselves, not on averages of them. A document
    is solved if each of its probabilities is less than LARGEST_ERROR away from 1 (its class) or 0.

    Args:
        steps: (steps, 5), totals of the documents and the norm of the gradient before clipping.
        validation: (batches, 4), totals of the documents.
        learning_rate: of the last step.
        reduce: adds up a tensor over the processes.

    Returns:
        train_loss, train_accuracy, validation_loss, validation_accuracy, validation_solved, learning_rate,
        gradient_norm_mean and gradient_norm_max. Norms are 0 if no step was taken, since in 16-mixed all may overflow.
    """
    train_loss, train_accuracy, _ = _means(reduce(sums(steps)))
    validation_loss, validation_accuracy, validation_solved = _means(reduce(sums(validation)))
    norms = steps[:, NORM].contiguous()  # (steps,)
    norms = norms[torch.isfinite(norms)]  # a step in 16-mixed that overflows is not taken
    norms = norms if len(norms) else torch.zeros(1)
    return {
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "validation_loss": validation_loss,
        "validation_accuracy": validation_accuracy,
        "validation_solved": validation_solved,
        "learning_rate": learning_rate,
        "gradient_norm_mean": float(norms.mean()),
        "gradient_norm_max": float(norms.max()),
    }


def _means(totals: Tensor) -> tuple[float, float, float]:
    """Loss, accuracy and share of solved documents, of totals (4,)."""
    loss, correct, solved, documents = totals.tolist()
    return loss / documents, correct / documents, solved / documents
