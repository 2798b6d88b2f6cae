"""The strongest PyTorch peer: what tuning by hand reaches without custom kernels.

Length-bucketed batches (this project's), each direction a plain padded nn.LSTM that reads documents reversed within
their own lengths, denormals flushed, fused Adam, a thread on each core; float32 or autocast to bfloat16, torch.compile.
"""

import os
import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.corpus import VOCABULARY_SIZE, Documents
from benchmarks.shape import Shape
from text.batches import Batch, loader


class Classifier(nn.Module):
    """Embedding → LSTM in one or two directions → last state, or maximum over time → two classes."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        directions = 2 if shape.bidirectional else 1
        self.embedding = nn.Embedding(VOCABULARY_SIZE, shape.embedding)
        self.layers = nn.ModuleList(nn.LSTM(shape.embedding, shape.hidden, batch_first=True) for _ in range(directions))
        self.head = nn.Linear(directions * shape.hidden, 2)
        self.pooling = shape.pooling

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Logits (batch, 2) of right-padded `tokens` (batch, time) with `lengths` (batch,)."""
        vectors = self.embedding(tokens)  # (batch, time, embedding)
        positions = torch.arange(tokens.shape[1])
        read = positions < lengths[:, None]  # (batch, time)
        reads = [vectors]
        if len(self.layers) == 2:
            backward = torch.where(read, lengths[:, None] - 1 - positions, positions)  # (batch, time)
            reads.append(vectors.gather(1, backward[..., None].expand_as(vectors)))
        pooled = []
        for layer, inputs in zip(self.layers, reads, strict=True):
            states = layer(inputs)[0]  # (batch, time, hidden), in reading order
            if self.pooling == "max":
                pooled.append(states.masked_fill(~read[..., None], -torch.inf).amax(dim=1))
            else:
                pooled.append(states[torch.arange(len(lengths)), lengths - 1])
        logits: Tensor = self.head(torch.cat(pooled, dim=1))
        return logits


def train(documents: Documents, shape: Shape, batch_size: int, *, bfloat16: bool, compiled: bool) -> float:
    """Real tokens per second of an epoch's steps, after an eighth of an epoch that does not count."""
    model, call = _build(shape, compiled)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=True)

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = call(batch.tokens, batch.lengths)
        torch.autograd.backward(cross_entropy(logits.float(), batch.labels))
        optimizer.step()

    batches = list(loader(documents, batch_size, seed=1))
    for batch in batches[: max(len(batches) // 8, 3)]:
        step(batch)
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    return float(documents.lengths.sum() / (time.perf_counter() - started))


def predictor(shape: Shape, batch_size: int, *, bfloat16: bool, compiled: bool) -> Any:
    """A function that predicts documents, from long to short."""
    model, call = _build(shape, compiled)
    model.eval()

    def predict(documents: Documents) -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            for batch in loader(documents, batch_size, seed=None):
                call(batch.tokens, batch.lengths).softmax(dim=1)

    return predict


def _build(shape: Shape, compiled: bool) -> tuple[nn.Module, Any]:
    """The model, and what calls it."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(1)
    model = Classifier(shape)
    return model, torch.compile(model, dynamic=True) if compiled else model
