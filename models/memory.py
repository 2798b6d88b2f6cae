"""What training a variant takes of this machine's memory."""

import os
import resource
import sys
from pathlib import Path

import torch

from errors import ParamsError
from models.classifier import TextClassifier
from models.machine import uses_gpu


def check(
    name: str,
    classifier: TextClassifier,
    batch_tokens: int,
    accelerator: str,
    precision: str = "32-true",
    training: bool = True,
) -> None:
    """Refuses a variant that cannot be trained, or cannot predict, in the memory here, before any of it is allocated.

    Counts what is certain, and so at least half of what will be used. In training: weights, gradients and Adam's two
    moments; the embedded tokens and the states of each layer, which the backward pass needs. Else: weights, embedded
    tokens and the states of one layer.

    Args:
        name: of the variant.
        classifier: may have its parameters on the device "meta", where they take no memory.
        batch_tokens: of the largest batch, with its padding.
        accelerator: cpu, gpu or auto.
        precision: of the training.
        training: or else prediction.

    Raises:
        ParamsError: names the variant, what it needs, and what there is.
    """
    weight_size = 8 if precision == "64-true" else 4
    state_size = 2 if precision.endswith("mixed") else weight_size
    parameters = classifier.parameter_counts()["total"]
    copies, layers = (4, len(classifier.encoder.layers)) if training else (1, 1)
    widths = classifier.embedding.embedding_dim + classifier.encoder.output_size * layers
    needed = copies * parameters * weight_size + batch_tokens * widths * state_size
    available = torch.cuda.get_device_properties(0).total_memory if uses_gpu(accelerator) else _memory()
    if needed > available:
        raise ParamsError(
            f"variants.{name} has {parameters:,} parameters, and the largest batch {batch_tokens:,} tokens with its "
            f"padding; {'training' if training else 'prediction'} takes at least {needed / 2**30:,.1f} GiB, but there "
            f"are {available / 2**30:,.1f}; allowed: smaller hidden_size, embedding_size, layers, tokenize.max_size, "
            "tokenize.max_tokens or train.batch_size"
        )


def _memory() -> int:
    """Bytes of this machine, or of the container that this process runs in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    container = limit.read_text().strip() if limit.exists() else "max"
    return min(machine, int(container)) if container.isdigit() else machine


def peak_mb(accelerator: str) -> float:
    """The most memory at any moment so far: of the GPU's tensors, or of this process as a whole (MB)."""
    if uses_gpu(accelerator):
        return torch.cuda.max_memory_allocated() / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
