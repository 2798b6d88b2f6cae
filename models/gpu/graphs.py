"""Training steps as CUDA graphs: a step of some hundred kernels is recorded once and launched by one call.

A GPU finishes a small step's kernels faster than Python launches them. A graph repeats recorded kernels on the same
memory, so each length that batches are padded to needs its own. Numbers that differ from step to step must be tensors.
"""

import gc
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from models.gpu.documents import ResidentBatch

Step = Callable[[Any, Tensor, int], None]
"""A training step with (documents, indices on the GPU, time): see ResidentDocuments.padded."""


class GraphedSteps:
    """Runs a training step for batches of `batch_size` documents as CUDA graphs, and others without.

    Args:
        step: changes tensors and reads nothing back to the CPU.
        state: returns all tensors that exist and that a step changes. Those that the first step creates start as
            zeros, as AdamW's moments do.
        batch_size: documents in a full batch; None: the number varies, and no graph is recorded.
    """

    def __init__(self, step: Step, state: Callable[[], Sequence[Tensor]], batch_size: int | None) -> None:
        self.step = step
        self.state = state
        self.batch_size = batch_size
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}  # by time
        self.indices: Tensor | None = None  # int64 (batch,), that all graphs read
        self.pool: Any = None  # memory that the graphs share, since one runs at a time

    def __call__(self, batch: ResidentBatch) -> None:
        """Takes a step."""
        device = batch.documents.tokens.device
        if len(batch.indices) != self.batch_size:
            self.step(batch.documents, batch.indices.to(device), batch.time)
            return
        if self.indices is None:
            self.indices = batch.indices.to(device)
        self.indices.copy_(batch.indices, non_blocking=True)
        if batch.time not in self.graphs:
            self._record(batch)
        self.graphs[batch.time].replay()

    def _record(self, batch: ResidentBatch) -> None:
        """Records the graph of this length. A step before it compiles kernels and allocates; it is undone."""
        assert self.indices is not None
        random = torch.cuda.get_rng_state()
        before = [(tensor, tensor.detach().clone()) for tensor in self.state()]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self.step(batch.documents, self.indices, batch.time)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.no_grad():
            known = {id(tensor) for tensor, _ in before}
            for tensor in self.state():
                if id(tensor) not in known:
                    tensor.zero_()
            for tensor, value in before:
                tensor.copy_(value)
        torch.clear_autocast_cache()  # weights that the step cast would be recorded as constants
        graph = torch.cuda.CUDAGraph()
        gc.disable()  # freeing another graph would end the recording, and so would calls of other threads
        try:
            with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"):
                self.step(batch.documents, self.indices, batch.time)
        finally:
            gc.enable()
        torch.clear_autocast_cache()
        torch.cuda.set_rng_state(random)
        self.pool = graph.pool()
        self.graphs[batch.time] = graph
