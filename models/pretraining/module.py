"""What Lightning trains in pretraining: a language model over chunks, whose states are carried from one to the next."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from core.errors import DivergenceError
from models.backend import backend
from models.pretraining.language_model import LanguageModel, State, each_tensor
from models.training.clipping import clip
from models.training.schedule import learning_rate_factor
from text.streams import Chunk

CHECK_EVERY = 50  # steps


class _Sums:
    """The losses of an epoch so far, and of how many tokens they are, by direction; in float64."""

    def __init__(self) -> None:
        self.losses: dict[str, Tensor] = {}
        self.tokens: dict[str, int] = {}

    def add(self, direction: str, loss: Tensor, tokens: int) -> None:
        self.losses[direction] = self.losses.get(direction, 0) + loss.detach().double()
        self.tokens[direction] = self.tokens.get(direction, 0) + tokens

    def means(self) -> dict[str, float]:
        return {direction: float(loss) / self.tokens[direction] for direction, loss in self.losses.items()}


class LanguageModelModule(LightningModule):
    """Trains `model` with AdamW on the sum of its directions' mean losses; the learning rate falls to 0.

    Backpropagation through time is truncated: a chunk starts from the states after the one before, as constants.

    Attributes:
        history: one dictionary an epoch: epoch, step, and for each direction loss_<direction> (mean training loss a
            token in nats, of the model's softmax, while the weights change) and perplexity_<direction>, exp of the mean
            negative log-likelihood of the held-out texts' tokens, of which a boundary and an unknown word are each one.
    """

    def __init__(self, model: LanguageModel, learning_rate: float) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        self.history: list[dict[str, float]] = []
        self._states: dict[str, State] = {}
        self._sums = _Sums()
        self._held_out_states: dict[str, State] = {}
        self._held_out_sums = _Sums()
        self._gradient_norm = torch.zeros(())

    def configure_optimizers(self) -> Any:
        """AdamW with a linear schedule."""
        weights = [weights for weights in self.parameters() if weights.requires_grad]
        adamw = backend(self.device).adamw(self.model.embedding, 1, str(self.trainer.precision))
        optimizer = adamw(weights, lr=self.learning_rate, weight_decay=0.0)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: learning_rate_factor(step, steps, 0.0, "linear"))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def training_step(self, chunk: Chunk, step: int) -> Tensor:
        """The sum of the directions' mean losses."""
        losses = self._losses(chunk, self._states, self._sums, self.model.softmax)
        if (step + 1) % CHECK_EVERY == 0:
            self.is_sound()
        means = [loss / chunk.targets[direction].numel() for direction, loss in losses.items()]
        return torch.stack(means).sum()

    def validation_step(self, chunk: Chunk, step: int) -> None:
        """Adds to the likelihood of the held-out texts."""
        self._losses(chunk, self._held_out_states, self._held_out_sums, self.model.softmax.exact)

    def _losses(
        self, chunk: Chunk, states: dict[str, State], sums: _Sums, softmax: Callable[[Tensor, Tensor], Tensor]
    ) -> dict[str, Tensor]:
        """The sum over the tokens of each direction; `states` and `sums` go on."""
        losses = {}
        for direction, (outputs, last) in self.model.read(chunk.inputs, states).items():
            states[direction] = last
            targets = chunk.targets[direction].flatten()
            losses[direction] = softmax(outputs.flatten(0, 1), targets)
            sums.add(direction, losses[direction], len(targets))
        return losses

    def on_validation_epoch_end(self) -> None:
        """Adds the epoch's line to the history; the next epoch starts from states of 0."""
        self.is_sound()
        losses, held_out = self._sums.means(), self._held_out_sums.means()
        for direction, loss in held_out.items():
            if not math.isfinite(loss):
                raise self._diverged(direction, "loss of held-out texts", loss)
        line: dict[str, float] = {"epoch": self.current_epoch + 1, "step": self.global_step}
        line |= {f"loss_{direction}": loss for direction, loss in losses.items()}
        perplexities = {f"perplexity_{direction}": math.exp(min(loss, 700.0)) for direction, loss in held_out.items()}
        self.history.append(line | perplexities)
        self.log_dict(perplexities, prog_bar=True)
        self._states, self._sums, self._held_out_states, self._held_out_sums = {}, _Sums(), {}, _Sums()

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """As in trainings of classifiers; keeps the norm before clipping."""
        self._gradient_norm = clip(optimizer, gradient_clip_val)

    def on_fit_end(self) -> None:
        """Ends the optimizer's lazy updates."""
        self.model.embedding.update_all()
        self.model.embedding.update_rows = None

    def is_sound(self) -> bool:
        """Whether all losses of the epoch and the last step's gradient were finite.

        Raises:
            DivergenceError: a loss was not finite.
        """
        for direction, loss in self._sums.losses.items():
            if not math.isfinite(float(loss)):
                raise self._diverged(direction, "loss", float(loss))
        return bool(torch.isfinite(self._gradient_norm))

    def _diverged(self, direction: str, what: str, value: float) -> DivergenceError:
        return DivergenceError(
            f"the {direction} language model's {what} is {value} by step {self.global_step} with a learning rate of "
            f"{self.learning_rate:g}; lower pretrain.learning_rate"
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the history, the states, and the epoch's sums so far."""
        checkpoint["history"], checkpoint["states"] = self.history, self._states
        checkpoint["losses"], checkpoint["tokens"] = self._sums.losses, self._sums.tokens

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restores what `on_save_checkpoint` added."""
        self.history, self._states = checkpoint["history"], checkpoint["states"]
        self._sums.losses, self._sums.tokens = checkpoint["losses"], checkpoint["tokens"]

    def on_train_start(self) -> None:
        """Moves what a checkpoint held to the device."""
        self._states = {
            name: each_tensor(lambda tensor: tensor.to(self.device), state) for name, state in self._states.items()
        }
        self._sums.losses = {name: loss.to(self.device) for name, loss in self._sums.losses.items()}


class EpochLines(Callback):
    """Prints one line per epoch, for output that is not a terminal."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints the epoch's line of history."""
        assert isinstance(pl_module, LanguageModelModule)
        line = pl_module.history[-1]
        print(f"epoch {line['epoch']:.0f}/{trainer.max_epochs}  {shown(line)}", flush=True)


def shown(line: Mapping[str, float]) -> str:
    """A line of history as a person reads it.

    >>> shown({"epoch": 1, "step": 9, "loss_forward": 5.25, "perplexity_forward": 123.45})
    'forward: training loss 5.2500, held-out perplexity 123.5'
    """
    directions = [name.removeprefix("loss_") for name in line if name.startswith("loss_")]
    return "  ".join(
        f"{name}: training loss {line[f'loss_{name}']:.4f}, held-out perplexity {line[f'perplexity_{name}']:.1f}"
        for name in directions
    )
