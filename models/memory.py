"""What training a variant takes of this machine's memory."""

import os
import re
import resource
from pathlib import Path

import torch

from core.errors import ParamsError
from models.classifier import TextClassifier
from models.cpu.recurrence import Cell
from models.machine import uses_gpu
from models.pooling import LastPooling

# What models/cpu/recurrence.py keeps of each step for the backward pass: so many times the hidden size (state, gates,
# memory), and some numbers between the documents.
_KEPT: dict[Cell, tuple[int, int]] = {"rnn": (1, 0), "gru": (5, 16), "lstm": (6, 16)}


def check(
    name: str,
    classifier: TextClassifier,
    batch_tokens: int,
    accelerator: str,
    precision: str,
    training: bool = True,
) -> None:
    """Refuses a variant that cannot be trained, or cannot predict, in the memory here, before any of it is allocated.

    Args:
        name: of the variant.
        classifier: may have its parameters on the device "meta", where they take no memory.
        batch_tokens: of the largest batch, with its padding.
        accelerator: cpu, gpu or auto.
        precision: train.precision.
        training: or else prediction.

    Raises:
        ParamsError: names the variant, what it needs, and what there is.
    """
    takes = needed(classifier, batch_tokens, accelerator, precision, training)
    available = torch.cuda.get_device_properties(0).total_memory if uses_gpu(accelerator) else _memory()
    if takes > available:
        raise ParamsError(
            f"variants.{name} has {classifier.parameter_counts()['total']:,} parameters, and the largest batch "
            f"{batch_tokens:,} tokens with its padding; {'training' if training else 'prediction'} takes at least "
            f"{takes / 2**30:,.1f} GiB, but there are {available / 2**30:,.1f}; allowed: smaller hidden_size, "
            "embedding_size, layers, tokenize.max_size, tokenize.max_tokens or train.batch_size"
        )


def needed(
    classifier: TextClassifier, batch_tokens: int, accelerator: str, precision: str, training: bool = True
) -> int:
    """Bytes that are certain to be taken, as `check` wants them; of training on the CPU about half of all, or more.

    Weights; in training also the best ones so far, and AdamW's two moments of those that learn. Of each token on the
    CPU what the backward pass needs of each layer, without the embedding, where each word of a batch stands once; on
    the GPU the embedding and the states. In prediction the states of one layer, or of two that follow each other.
    """
    weight_size = 8 if precision == "64-true" else 4
    encoder, embedding_size = classifier.encoder, classifier.embedding.embedding_dim
    layers, width = len(encoder.layers), encoder.output_size
    # Layers whose states are written out: not the last one's where only the documents' ends are wanted of it.
    written = layers - isinstance(classifier.pooling, LastPooling)
    parameters = list(classifier.parameters())
    weights = sum(part.numel() for part in parameters)
    if training:
        weights = 2 * weights + 2 * sum(part.numel() for part in parameters if part.requires_grad)
    state_size = weight_size
    if uses_gpu(accelerator):
        numbers = embedding_size + width * (layers if training else 1)
        if precision.endswith("mixed"):
            state_size = 2
    elif training:
        times, between = _KEPT[encoder.cell]
        directions = width // encoder.hidden_size
        numbers = written * width + layers * directions * (times * encoder.hidden_size + between)
        if classifier.embedding_dropout.p:  # gives each token other numbers
            numbers += 2 * embedding_size
    else:
        numbers = width * min(written, 2)
    return weights * weight_size + batch_tokens * numbers * state_size


def _memory() -> int:
    """Bytes of this machine, or of the container that this process runs in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    container = limit.read_text().strip() if limit.exists() else "max"
    return min(machine, int(container)) if container.isdigit() else machine


def peak_mb(accelerator: str) -> float:
    """The most memory at any moment so far (MB): of the GPU's tensors, or of this process.

    On Linux without the files of libraries, which processes share, and of which a copy of a process (pipelines/
    preloaded.py) counts only what it has used itself.
    """
    if uses_gpu(accelerator):
        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", status.read_text(), re.M)}
        return (kilobytes["VmHWM"] - kilobytes["RssFile"]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
