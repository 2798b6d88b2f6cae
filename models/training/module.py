"""What Lightning trains: a classifier, its loss, its optimizer, and the history of its epochs.

On a CPU, and in several processes, Lightning takes the steps. A single GPU takes them as CUDA graphs
(models/gpu/graphs.py), which hold a step from the batch to the new weights.
"""

import math
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningModule
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from config.choices import Averaging, ClassWeight, Schedule
from core.errors import DivergenceError
from models.averaging import Share, exchange, with_averages
from models.backend import backend
from models.classifier import TextClassifier
from models.gpu.documents import ResidentBatch, ResidentDocuments
from models.gpu.graphs import GraphedSteps
from models.training.clipping import clip
from models.training.extra_losses import ExtraLosses, Texts
from models.training.fine_tuning import GradualUnfreezing, rate_groups
from models.training.history import line_of_epoch
from models.training.loss import balanced, summed_loss
from models.training.schedule import learning_rate_factor
from models.training.step_records import NORM, StepRecords, Totals, totals
from text.batches import Batch
from text.endless import EndlessBatches

CHECK_EVERY = 50
"""After so many steps on a GPU, the CPU waits for it and checks that all losses are finite."""


class ClassifierModule(LightningModule):
    """Trains `classifier` with AdamW on the mean cross-entropy of each step's documents, weighted or smoothed if asked.

    With `averaging`, validation evaluates the averages of the weights (models/averaging.py), and `evaluated_weights`
    returns them.

    Attributes:
        class_weights: float64 (classes,), the weight of each class's documents in the training loss; None: all 1.
        unlabelled: the unlabelled documents of each step, which the extra losses read; None: they read none.
        history: a line for each epoch (models/training/history.py).
        records: what this epoch's steps add up to.
        waited: whether the CPU has waited for the last step to end, as it always does on a CPU.
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
        label_smoothing: float,
        averaging: Averaging,
        averaging_decay: float,
        layer_rates: float,
        unfreeze: int,
        extra_losses: ExtraLosses | None = None,
    ) -> None:
        """Prepares the training of `classifier`.

        params.yaml explains most arguments (`train`).

        Args:
            classifier: to be trained.
            extra_losses: what the loss of a step holds beside the cross-entropy; None: nothing.
        """
        super().__init__()
        self.classifier = classifier
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_share = warmup_share
        self.class_weight = class_weight
        self.layer_rates = layer_rates
        self.unfreezing = GradualUnfreezing(classifier, unfreeze)
        self.class_weights: Tensor | None = None
        self.extra_losses = extra_losses
        self.unlabelled: EndlessBatches | None = None
        self.label_smoothing = label_smoothing
        self.averaging = averaging
        self.averaging_decay = averaging_decay
        self.history: list[dict[str, float]] = []
        self.records: StepRecords
        self.waited = True
        self._validation: list[Totals] = []
        self._resumed_rows: Tensor | None = None
        self._totals: Totals  # of the step that is being taken
        self._steps = 1  # of the whole training
        self._graphs: GraphedSteps | None = None

    def weigh(self, labels: NDArray[np.int32]) -> None:
        """Computes the class weights from the `labels` (documents,) of the training split."""
        if self.class_weight == "balanced":
            self.class_weights = balanced(labels, self.classifier.head.out_features)

    def configure_optimizers(self) -> Any:
        """AdamW with the learning rate of the schedule."""
        self._steps = int(self.trainer.estimated_stepping_batches)  # which takes a while to find out
        optimizer = self.build_optimizer(self.device, self.trainer.world_size, str(self.trainer.precision))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, self._factor), "interval": "step"},
        }

    def _factor(self, step: int) -> float:
        return learning_rate_factor(step, self._steps, self.warmup_share, self.schedule)

    def build_optimizer(self, device: torch.device, world_size: int, precision: str) -> Optimizer:
        """AdamW for the weights that learn."""
        groups = [
            {"params": weights, "lr": self.learning_rate * factor}
            for factor, weights in rate_groups(self.classifier, self.layer_rates)
        ]
        share = None if self.averaging == "none" else Share(self.averaging, self.averaging_decay, self._steps)
        adamw = backend(device).adamw(self.classifier.embedding, world_size, precision, share)
        return adamw(groups, lr=self.learning_rate, weight_decay=self.weight_decay)

    def on_train_epoch_start(self) -> None:
        """Lets further layers learn, if it is time. CUDA graphs are then made again: they fix which weights learn."""
        if self.unfreezing.begin(self.current_epoch) and self._graphs is not None:
            self._graphs = self._new_graphs()

    def _new_graphs(self) -> GraphedSteps:
        loaders = cast(Any, self.trainer).datamodule
        return GraphedSteps(self._whole_step, self._changed_by_steps, loaders.sizes.fixed)

    def on_train_start(self) -> None:
        """Makes room for the steps of an epoch, and prepares graphs if a single GPU trains."""
        self.unfreezing.begin(self.current_epoch)  # Lightning does not start a resumed epoch anew
        self.records = StepRecords(int(self.trainer.num_training_batches), self.device, self._resumed_rows)
        self._resumed_rows = None
        if self.class_weights is not None:
            self.class_weights = self.class_weights.to(self.device)
        # A graph reads documents that are on the GPU, and depends on the length that a batch is padded to; with a
        # second batch there would be too many.
        resident = isinstance(cast(Any, self.trainer.train_dataloader).dataset, ResidentDocuments)
        alone = resident and self.trainer.world_size == 1 and self.unlabelled is None
        if alone and str(self.trainer.precision) != "16-mixed":  # which reads from the GPU whether gradients overflow
            for group in self._optimizer.param_groups:
                group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=self.device)
            self._graphs = self._new_graphs()

    def on_fit_end(self) -> None:
        """Ends the optimizer's lazy updates."""
        self.classifier.embedding.update_all()
        self.classifier.embedding.update_rows = None

    def training_step(self, batch: Batch | ResidentBatch, step: int) -> Tensor | None:
        """The loss whose gradient, averaged over the processes, is that of the mean over the step's documents.

        None: the whole step has been taken, including the update of the weights.
        """
        if self._graphs is not None:
            self._graphs(cast(ResidentBatch, batch))
            self._count_step()
            return None
        unlabelled = None
        if self.unlabelled is not None:
            unlabelled = self.transfer_batch_to_device(self.unlabelled[self.trainer.global_step], self.device, 0)
        loss, self._totals = self.step_loss(batch, unlabelled, self.trainer.world_size)
        return loss

    def step_loss(
        self, batch: Batch | ResidentBatch, unlabelled: Batch | ResidentBatch | None = None, processes: int = 1
    ) -> tuple[Tensor, Totals]:
        """The loss as of `training_step`; the totals are those of the labelled documents' plain cross-entropy."""
        extra = None if unlabelled is None else Texts(unlabelled.tokens, unlabelled.lengths)
        others = 0 if unlabelled is None else unlabelled.total
        return self._loss(batch.tokens, batch.lengths, batch.labels, batch.total, processes, extra, others)

    def _loss(
        self,
        tokens: Tensor,
        lengths: Tensor,
        labels: Tensor,
        total: int,
        processes: int = 1,
        unlabelled: Texts | None = None,
        unlabelled_total: int = 0,
    ) -> tuple[Tensor, Totals]:
        """See `step_loss`; `total` and `unlabelled_total` are the step's documents over all processes."""

        def mean_loss(logits: Tensor) -> Tensor:
            loss = summed_loss(logits, labels, self.class_weights, self.label_smoothing)
            return loss * processes / total

        if self.extra_losses is None:
            logits = self.classifier(tokens, lengths)  # (batch, classes)
            loss = mean_loss(logits)
        else:
            share = processes / (total + unlabelled_total)
            texts = Texts(tokens, lengths)
            loss, logits = self.extra_losses.loss(self.classifier, texts, mean_loss, unlabelled, share)
        return loss, totals(logits, labels, cross_entropy(logits.detach(), labels, reduction="sum"))

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Lightning's step of the optimizer, unless `training_step` takes the whole step."""
        if self._graphs is not None:
            optimizer_closure()
        else:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips, and keeps the norm before clipping; Lightning's method refuses fused optimizers under bf16-mixed."""
        self.records.add(self._totals, clip(optimizer, gradient_clip_val))
        self._count_step()

    def _whole_step(self, documents: ResidentDocuments, indices: Tensor, time: int) -> None:
        """A step from the documents' numbers to the new weights, on one GPU; nothing waits for it."""
        tokens, lengths, labels = documents.padded(indices, time)
        loss, batch = self._loss(tokens, lengths, labels, len(indices))
        with torch.autocast("cuda", enabled=False):
            torch.autograd.backward(loss)
            self.records.add(batch, clip(self._optimizer, self.trainer.gradient_clip_val))
            self._optimizer.step()
        self._optimizer.zero_grad()

    @property
    def _optimizer(self) -> Optimizer:
        return cast(Optimizer, self.optimizers(use_pl_optimizer=False))

    def _changed_by_steps(self) -> list[Tensor]:
        moments = [value for state in self._optimizer.state.values() for value in state.values()]
        return [*self.parameters(), *moments, *self.records.tensors()]

    def _count_step(self) -> None:
        self.records.count += 1
        done = self.records.count
        self.waited = (
            self.device.type != "cuda" or done % CHECK_EVERY == 0 or done == int(self.trainer.num_training_batches)
        )
        if self.waited:
            self.check_losses()

    def check_losses(self) -> None:
        """Waits for the steps that have been taken.

        Raises:
            DivergenceError: the loss of one was not finite, here or in another process.
        """
        losses = self.records.rows[:, 0]
        broken = torch.nonzero(~torch.isfinite(losses))
        # All processes stop at the same step: one that waited for the others would be killed without its error.
        if self.trainer.strategy.reduce_boolean_decision(len(broken) > 0, all=False):
            first = int(broken[0]) if len(broken) else self.records.count - 1
            before = int(self.history[-1]["step"]) if self.history else 0
            raise self._diverged("loss", float(losses[first]), before + first, before + first)

    def on_validation_start(self) -> None:
        """Validation evaluates the averages."""
        self._exchange_averages()

    def on_validation_end(self) -> None:
        """Training goes on with the weights."""
        self._exchange_averages()

    def _exchange_averages(self) -> None:
        """Exchanges the weights with their averages, in place, if there are averages."""
        if self.averaging == "none":
            return
        self.classifier.embedding.update_all()
        exchange(self._optimizer)

    def evaluated_weights(self) -> dict[str, Tensor]:
        """Copies of what `state_dict` has, with the average in the place of each weight that has one."""
        current = self.state_dict()  # in which all rows are up to date, and then the averages are as well
        if self.averaging != "none":
            current = with_averages(current, self.named_parameters(), self._optimizer)
        return {name: weights.detach().clone() for name, weights in current.items()}

    def validation_step(self, batch: Batch | ResidentBatch, step: int) -> None:
        """Adds the batch to the sums from which the epoch's means are computed."""
        logits = self.classifier(batch.tokens, batch.lengths)
        loss = cross_entropy(logits, batch.labels, reduction="sum")
        self._validation.append(totals(logits, batch.labels, loss))

    def on_validation_epoch_end(self) -> None:
        """Adds the epoch's line to the history, and logs what early stopping monitors."""
        if self.trainer.sanity_checking:
            self._validation.clear()
            return
        self.check_losses()
        validation = [torch.stack(list(batch)).double() for batch in self._validation]  # (4,) each
        rows = torch.stack(validation) if validation else self.records.rows[:0, :NORM]
        self._validation.clear()
        rate = self._learning_rate(self.global_step - 1)
        line = line_of_epoch(self.records.rows, rows, rate, self._sum_over_processes)
        if not math.isfinite(line["validation_loss"]):
            raise self._diverged("validation loss", line["validation_loss"], self.global_step, self.global_step - 1)
        self.records.clear()
        self.history.append({"epoch": self.current_epoch + 1, "step": self.global_step, **line})
        for name in ("validation_loss", "validation_accuracy"):
            self.log(name, self.history[-1][name], prog_bar=True, sync_dist=True)

    def _sum_over_processes(self, sums: Tensor) -> Tensor:
        return cast(Tensor, self.trainer.strategy.reduce(sums, reduce_op="sum"))

    def _learning_rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        return self.learning_rate * self._factor(step)

    def _diverged(self, what: str, value: float, step: int, last_step: int) -> DivergenceError:
        where = " in another process" if math.isfinite(value) else ""
        return DivergenceError(
            f"the {what} is {'not finite' if where else value}{where} at step {step} with a learning rate "
            f"of {self._learning_rate(last_step):g}; lower train.learning_rate or set train.gradient_clip"
        )

    def is_sound(self) -> bool:
        """Whether all losses and the last step's gradient were finite, so that a checkpoint is worth saving.

        Raises:
            DivergenceError: a loss was not finite.
        """
        self.check_losses()
        return bool(torch.isfinite(self.records.rows[-1, NORM]))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the history, and what the epoch has collected so far in each process."""
        rows = cast(Tensor, self.all_gather(self.records.rows))
        checkpoint["history"] = self.history
        checkpoint["steps"] = rows.reshape(self.trainer.world_size, -1, NORM + 1).cpu()  # (processes, steps, 5)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restores what `on_save_checkpoint` added."""
        self.history = checkpoint["history"]
        self._resumed_rows = checkpoint["steps"][self.trainer.global_rank]

    def transfer_batch_to_device(
        self, batch: Batch | ResidentBatch, device: torch.device, dataloader_idx: int
    ) -> Batch | ResidentBatch:
        """Moves the batch, unless it is on the device already."""
        if isinstance(batch, ResidentBatch):
            return batch
        return batch._replace(
            tokens=batch.tokens.to(device, non_blocking=True),
            lengths=batch.lengths.to(device, non_blocking=True),
            labels=batch.labels.to(device, non_blocking=True),
        )
