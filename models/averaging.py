"""Averages of the weights over a training's steps, which generalize better than the last weights: `train.averaging`.

An average a of weights w starts as the weights after the first step. After step t it takes a share of the new ones,
a ← (1 − s_t) a + s_t w_t. It is part of the optimizer's state, so that a resumed training continues it exactly.

- ema: s_t = 1 − decay, an exponential moving average; in the first steps 9 / (t + 8), so that the average reaches
  back over a ninth of the steps, and forgets the initial weights (TensorFlow's ExponentialMovingAverage with
  num_updates is the same but for a shift of two steps; Shamir & Zhang, ICML 2013, analyse it as polynomial-decay
  averaging).
- swa: s_t = 1 / (t − S) after step S, the end of the first three quarters: the mean of the last quarter's weights
  (Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, UAI 2018, who average once per
  pass over the data; here it is once per step). Before S, s_t = 1: the average is the weights themselves.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer

from config.choices import Averaging

AVERAGE = "average"  # the key in the optimizer's state of each weight
LAST_SHARE = 0.25  # of the steps, which swa averages


class Share(NamedTuple):
    """The share of the weights after step t, counted from 1, in their average.

    Attributes:
        kind: ema or swa.
        decay: of ema.
        steps: of the whole training.

    Example:
        >>> ema, swa = Share("ema", 0.75, 8), Share("swa", 0.75, 8)
        >>> [ema(1), ema(10), ema(1000)], [swa(1), swa(7), swa(8)]
        ([1.0, 0.5, 0.25], [1.0, 1.0, 0.5])
    """

    kind: Averaging
    decay: float
    steps: int

    def __call__(self, step: int) -> float:
        """The share of the step with this number."""
        return float(self.of_tensor(torch.tensor(step)))

    def of_tensor(self, step: Tensor) -> Tensor:
        """The same for a step number () on the device of the weights: float64 ()."""
        step = step.double()
        if self.kind == "ema":
            return (9 / (step + 8)).clamp(min=1 - self.decay)
        before = self.steps - round(LAST_SHARE * self.steps)
        return 1 / (step - before).clamp(min=1)


class AveragingAdamW(AdamW):
    """PyTorch's AdamW, which also keeps averages of the weights; can be recorded as a CUDA graph."""

    def __init__(self, weights: Any, *, averaging: Share, **settings: Any) -> None:
        super().__init__(weights, **settings)
        self._averaging = averaging

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """A step of AdamW, then of the averages of the weights that have a gradient."""
        loss = super().step(closure)
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    state = self.state[weights]
                    if AVERAGE not in state:
                        state[AVERAGE] = torch.zeros_like(weights)
                    state[AVERAGE].lerp_(weights, self._averaging.of_tensor(state["step"]).to(weights))
        return loss


@torch.no_grad()
def exchange(optimizer: Optimizer) -> None:
    """Exchanges weights and their averages, in place; a second call undoes the first."""
    for weights, state in optimizer.state.items():
        if AVERAGE in state:
            last = weights.clone()
            weights.copy_(state[AVERAGE])
            state[AVERAGE].copy_(last)


def with_averages(
    weights: Mapping[str, Tensor], parameters: Iterable[tuple[str, Tensor]], optimizer: Optimizer
) -> dict[str, Tensor]:
    """`weights` by name, with the average in the place of each of the named `parameters` that has one."""
    state = optimizer.state
    averages = {name: state[w][AVERAGE] for name, w in parameters if AVERAGE in state.get(w, {})}
    return {**weights, **averages}
