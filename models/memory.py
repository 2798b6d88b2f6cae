"""How much memory a training takes: a lower bound before it starts, and the peak afterwards."""

import os
import re
import resource
from pathlib import Path

import torch

from config.choices import Averaging
from core.errors import ParamsError
from models.backend import backend
from models.classifier import TextClassifier
from models.machine import device, uses_gpu


def check(
    name: str,
    classifier: TextClassifier,
    batch_tokens: int,
    accelerator: str,
    precision: str,
    averaging: Averaging | None,
) -> None:
    """Refuses a variant that does not fit into this machine's memory, before any of it is allocated.

    Args:
        name: of the variant.
        classifier: may have its parameters on the device "meta", where they take no memory.
        batch_tokens: of the largest batch, with its padding.
        accelerator: cpu, gpu or auto.
        precision: train.precision.
        averaging: train.averaging; None: the variant is not trained, it predicts.

    Raises:
        ParamsError: names the variant, what it needs, and what there is.
    """
    takes = needed(classifier, batch_tokens, accelerator, precision, averaging)
    available = torch.cuda.get_device_properties(0).total_memory if uses_gpu(accelerator) else _memory()
    if takes > available:
        raise ParamsError(
            f"variants.{name} has {classifier.parameter_counts()['total']:,} parameters, and the largest batch "
            f"{batch_tokens:,} tokens with its padding; {'training' if averaging else 'prediction'} takes at least "
            f"{takes / 2**30:,.1f} GiB, but there are {available / 2**30:,.1f}; allowed: smaller hidden_size, "
            "embedding_size, layers, tokenize.max_size, tokenize.max_tokens, train.batch_size or train.batch_tokens"
        )


def needed(
    classifier: TextClassifier, batch_tokens: int, accelerator: str, precision: str, averaging: Averaging | None
) -> int:
    """A lower bound in bytes, for the arguments of `check`; on the CPU it is about half of what training takes.

    It counts the weights; in training also the best weights so far and, for those that learn, AdamW's two moments and
    the average. For each token it counts the states that are written to memory (in prediction of two layers at most),
    the word vectors if each position has its own, and what else the kernels keep for the backward pass.
    """
    on_gpu, encoder, embedding = uses_gpu(accelerator), classifier.encoder, classifier.embedding
    weight_size = 8 if precision == "64-true" else 4
    state_size = 2 if on_gpu and precision.endswith("mixed") else weight_size
    parameters = list(classifier.parameters())
    weights = sum(part.numel() for part in parameters)
    written = len(encoder.layers) - (classifier.reads_last_states_alone and not on_gpu)
    if averaging is not None:
        learning = sum(part.numel() for part in parameters if part.requires_grad)
        weights = 2 * weights + (2 + (averaging != "none")) * learning
        per_token = backend(device(accelerator)).kept_per_token(encoder.cell, encoder.hidden_size)
        own_vectors = embedding.dropout.p > 0 and not embedding.dropout.locked  # at each position
        copies = 1 if on_gpu else 2 * own_vectors  # of the word vectors
        numbers = encoder.output_size * written + encoder.directions * len(encoder.layers) * per_token
    else:
        copies = int(on_gpu)
        numbers = encoder.output_size * min(written, 2)
    numbers += copies * embedding.embedding_dim
    return weights * weight_size + batch_tokens * numbers * state_size


def _memory() -> int:
    """Bytes of this machine, or of the container that this process runs in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    container = limit.read_text().strip() if limit.exists() else "max"
    return min(machine, int(container)) if container.isdigit() else machine


def peak_mb(accelerator: str) -> float:
    """The largest memory so far (MB): of the GPU's tensors, or of this process.

    On Linux libraries' files do not count, since processes share them, and a forked process (engine/workers.py) would
    count only those that it has used itself.
    """
    if uses_gpu(accelerator):
        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", status.read_text(), re.M)}
        return (kilobytes["VmHWM"] - kilobytes["RssFile"]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
