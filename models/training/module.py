"""What Lightning trains: a classifier, its loss, its optimizer, and the history of its epochs."""

import math
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from config.choices import ClassWeight, Schedule
from core.constants import LARGEST_ERROR
from core.errors import DivergenceError
from models.backend import backend
from models.classifier import TextClassifier
from models.training.class_weights import balanced
from models.training.schedule import learning_rate_factor
from text.batches import Batch


class Totals(NamedTuple):
    """Sums over documents, kept as tensors so that no step waits for the GPU."""

    loss: Tensor
    correct: Tensor
    solved: Tensor
    documents: Tensor


class ClassifierModule(LightningModule):
    """Trains `classifier` with AdamW on the mean cross-entropy of each step's documents, or a weighted one.

    Attributes:
        class_weights: float64 (classes,), the weight of each class's documents in the training loss; None: all 1.
        history: one dictionary an epoch: epoch, step, train_loss, train_accuracy, validation_loss,
            validation_accuracy, validation_solved, learning_rate, gradient_norm_mean, gradient_norm_max. Losses and
            accuracies are unweighted means over documents, not over batches; those of training are taken while the
            weights change. The learning rate is that of the epoch's last step. Norms are those of each step before
            clipping; 0 if no step was taken, since in 16-mixed all may overflow. A document is solved if each of its
            probabilities is less than LARGEST_ERROR away from 1 (its class) or 0.
    """

    def __init__(
        self,
        classifier: TextClassifier,
        *,
        learning_rate: float,
        weight_decay: float,
        schedule: Schedule,
        warmup_share: float,
        class_weight: ClassWeight,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_share = warmup_share
        self.class_weight = class_weight
        self.class_weights: Tensor | None = None
        self.history: list[dict[str, float]] = []
        self._train: list[Totals] = []
        self._validation: list[Totals] = []
        self._norms: list[Tensor] = []  # () each
        self._last_learning_rate = learning_rate  # of the last step; at validation the schedule is a step ahead

    def weigh(self, labels: NDArray[np.int32]) -> None:
        """Computes the class weights from the `labels` (documents,) of the training split."""
        if self.class_weight == "balanced":
            self.class_weights = balanced(labels, self.classifier.head.out_features)

    def configure_optimizers(self) -> Any:
        """AdamW with the learning rate of the schedule."""
        optimizer = self.build_optimizer(self.device, self.trainer.world_size, str(self.trainer.precision))
        steps = int(self.trainer.estimated_stepping_batches)
        factor = LambdaLR(optimizer, lambda step: learning_rate_factor(step, steps, self.warmup_share, self.schedule))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": factor, "interval": "step"}}

    def build_optimizer(self, device: torch.device, world_size: int, precision: str) -> Optimizer:
        """AdamW for the weights that learn."""
        weights = [weights for weights in self.parameters() if weights.requires_grad]
        adamw = backend(device).adamw(self.classifier.embedding, world_size, precision)
        return adamw(weights, lr=self.learning_rate, weight_decay=self.weight_decay)

    def on_fit_end(self) -> None:
        """Ends the optimizer's lazy updates."""
        self.classifier.embedding.update_all()
        self.classifier.embedding.update_rows = None

    def training_step(self, batch: Batch, step: int) -> Tensor:
        """The loss whose gradient, averaged over the processes, is that of the mean over the step's documents.

        Each document counts with its class's weight, but not in the history (models/training/class_weights.py).
        """
        self._last_learning_rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        logits = self.classifier(batch.tokens, batch.lengths)  # (batch, classes)
        loss = cross_entropy(logits, batch.labels, reduction="sum")
        # All processes stop at the same step: one that waited for the others would be killed without its error.
        if self.trainer.strategy.reduce_boolean_decision(not torch.isfinite(loss), all=False):
            raise self._diverged("loss", loss.item())
        self._train.append(totals(logits, batch.labels, loss))
        if self.class_weights is not None:
            loss = cross_entropy(logits, batch.labels, weight=self.class_weights.to(logits), reduction="sum")
        return loss * self.trainer.world_size / batch.total

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips, and keeps the norm before clipping; Lightning's method refuses fused optimizers under bf16-mixed."""
        gradients = [w.grad for group in optimizer.param_groups for w in group["params"] if w.grad is not None]
        gradients = [gradient._values() if gradient.is_sparse else gradient for gradient in gradients]
        norm = get_total_norm(gradients)
        if gradient_clip_val is not None:
            factor = (gradient_clip_val / (norm + 1e-6)).clamp(max=1.0)  # as PyTorch clips
            torch._foreach_mul_(gradients, factor)
        self._norms.append(norm)

    def validation_step(self, batch: Batch, step: int) -> None:
        """Adds to the sums of which the epoch's means are made."""
        logits = self.classifier(batch.tokens, batch.lengths)
        loss = cross_entropy(logits, batch.labels, reduction="sum")
        self._validation.append(totals(logits, batch.labels, loss))

    def on_validation_epoch_end(self) -> None:
        """Adds the epoch's line to the history, and logs what early stopping monitors."""
        if self.trainer.sanity_checking:
            self._validation.clear()
            return
        train_loss, train_accuracy, _ = self._means(self._train)
        validation_loss, validation_accuracy, validation_solved = self._means(self._validation)
        if not math.isfinite(validation_loss):
            raise self._diverged("validation loss", validation_loss)
        norms = torch.stack([norm.double().to(self.device) for norm in self._norms])  # (steps,)
        norms = norms[torch.isfinite(norms)]  # a step in 16-mixed that overflows is not taken
        norms = norms if len(norms) else torch.zeros(1)  # no step was taken
        self._norms.clear()
        self.history.append(
            {
                "epoch": self.current_epoch + 1,
                "step": self.global_step,
                "train_loss": train_loss,
                "train_accuracy": train_accuracy,
                "validation_loss": validation_loss,
                "validation_accuracy": validation_accuracy,
                "validation_solved": validation_solved,
                "learning_rate": self._last_learning_rate,
                "gradient_norm_mean": float(norms.mean()),
                "gradient_norm_max": float(norms.max()),
            }
        )
        for name in ("validation_loss", "validation_accuracy"):
            self.log(name, self.history[-1][name], prog_bar=True, sync_dist=True)

    def _means(self, collected: list[Totals]) -> tuple[float, float, float]:
        """Loss, accuracy and share of solved documents, over all processes; empties `collected`."""
        # Sums in float64: the order of the batches does not change the digits that are written to files.
        sums = self._rows(collected).sum(dim=0)  # (4,)
        sums = self.trainer.strategy.reduce(sums, reduce_op="sum")
        collected.clear()
        loss, correct, solved, documents = sums.tolist()
        return loss / documents, correct / documents, solved / documents

    def _rows(self, collected: list[Totals]) -> Tensor:
        """One row a batch, (batches, 4)."""
        rows = [torch.stack(entry).double().to(self.device) for entry in collected]
        return (
            torch.stack(rows) if rows else torch.zeros(0, len(Totals._fields), dtype=torch.float64, device=self.device)
        )

    def _diverged(self, what: str, value: float) -> DivergenceError:
        where = " in another process" if math.isfinite(value) else ""
        return DivergenceError(
            f"the {what} is {'not finite' if where else value}{where} at step {self.global_step} with a learning rate "
            f"of {self._last_learning_rate:g}; lower train.learning_rate or set train.gradient_clip"
        )

    def is_sound(self) -> bool:
        """Whether the last step's gradient was finite, so that a checkpoint is worth saving."""
        return bool(torch.isfinite(self._norms[-1]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the history, and what the epoch has collected so far in each process."""
        rows = cast(Tensor, self.all_gather(self._rows(self._train)))
        checkpoint["history"] = self.history
        checkpoint["train"] = rows.reshape(self.trainer.world_size, -1, rows.shape[-1]).cpu()  # (processes, batches, 4)
        checkpoint["norms"] = torch.stack(self._norms).cpu() if self._norms else torch.zeros(0)  # (batches,)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restores them."""
        self.history = checkpoint["history"]
        self._train = [Totals(*row) for row in checkpoint["train"][self.trainer.global_rank]]
        self._norms = list(checkpoint["norms"])

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Moves tokens and labels; lengths stay on the CPU, where the backends read them."""
        return batch._replace(
            tokens=batch.tokens.to(device, non_blocking=True), labels=batch.labels.to(device, non_blocking=True)
        )


def totals(logits: Tensor, labels: Tensor, loss: Tensor) -> Totals:
    """What one batch adds to an epoch's means; `loss` is the sum over its documents."""
    correct = (logits.argmax(dim=1) == labels).sum()
    errors = (logits.detach().softmax(dim=1) - one_hot(labels, logits.shape[1])).abs().amax(dim=1)  # (batch,)
    solved = (errors < LARGEST_ERROR).sum()
    return Totals(loss.detach(), correct, solved, torch.tensor(len(labels), device=labels.device))
