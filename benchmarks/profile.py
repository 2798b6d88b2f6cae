"""Where the time of a training step goes. `python -m benchmarks.profile --variant bilstm`.

Takes steps of this project's model over the corpus, with the optimizer and the clipping of the stage train. Prints the
milliseconds of each part of a step, the median over the steps, and PyTorch's profile of further steps, most expensive
operations first.
"""

import argparse
import time

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.corpus import Documents, prepare
from benchmarks.shape import Shape
from benchmarks.train import build_project
from models import machine
from models.cpu.adamw import RowwiseAdamW
from models.training.clipping import clip
from text.batches import Batch, loader

BATCH_SIZE, WARM_UP = 32, 10  # documents, steps
PARTS = (
    "forward pass",
    "backward pass, with the embedding's gradient",
    "norm of the gradient, clipping",
    "AdamW, with the lazy updates before the forward pass",
)


class Training:
    """Takes steps, and measures their parts."""

    def __init__(self, bilstm: bool, bfloat16: bool) -> None:
        self._classifier = build_project(Shape(bilstm))
        self._bfloat16 = bfloat16
        embedding = self._classifier.embedding
        self._optimizer = RowwiseAdamW(self._classifier.parameters(), lr=0.003, weight_decay=0.0, lazy=embedding)
        self._update_rows, embedding.update_rows = embedding.update_rows, self._timed_update
        self._lazy = 0.0  # seconds of this step's lazy updates

    def step(self, batch: Batch) -> list[float]:
        """Seconds of the PARTS."""
        self._lazy = 0.0
        times = [time.perf_counter()]
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            loss = cross_entropy(self._classifier(batch.tokens, batch.lengths), batch.labels)
        times.append(time.perf_counter())
        torch.autograd.backward(loss)
        times.append(time.perf_counter())
        clip(self._optimizer, 1.0)
        times.append(time.perf_counter())
        self._optimizer.step()
        times.append(time.perf_counter())
        self._optimizer.zero_grad()
        forward, backward, clipping, adamw = np.diff(times).tolist()
        return [forward - self._lazy, backward, clipping, adamw + self._lazy]

    def _timed_update(self, words: Tensor | None) -> None:
        started = time.perf_counter()
        self._update_rows(words)
        self._lazy += time.perf_counter() - started


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--variant", choices=["lstm", "bilstm"], default="lstm")
    arguments.add_argument("--bfloat16", action="store_true")
    arguments.add_argument("--steps", type=int, default=120)
    chosen = arguments.parse_args()
    if chosen.bfloat16 and not machine.computes_in_bfloat16("cpu"):
        arguments.error("--bfloat16 needs a CPU that computes in it, which this one does not")
    prepare()
    machine.prepare(1)
    training = Training(chosen.variant == "bilstm", chosen.bfloat16)
    batches = list(loader(Documents(BATCH_SIZE * (WARM_UP + chosen.steps)), BATCH_SIZE, seed=1))
    steps = [training.step(batch) for batch in batches][WARM_UP:]
    print("| part of a step | ms |\n| --- | --: |")
    for part, seconds in zip(PARTS, np.median(steps, axis=0), strict=True):
        print(f"| {part} | {1000 * seconds:.1f} |")
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for batch in batches[WARM_UP : WARM_UP + 30]:
            training.step(batch)
    print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=15, max_name_column_width=45))


if __name__ == "__main__":
    main()
