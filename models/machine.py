"""What this machine can do, and how a process is set up on it."""

import os
import resource
import socket
import sys
from functools import cache
from pathlib import Path

from errors import ParamsError

# cuBLAS needs this to give the same results twice; it is read at its first use.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from models.classifier import TextClassifier


def check(accelerator: str, devices: int, precision: str) -> None:
    """Refuses what cannot run here.

    Raises:
        ParamsError: names the key of `train`, its value, and what is allowed.
    """
    gpus = torch.cuda.device_count()
    if accelerator == "gpu" and gpus == 0:
        raise ParamsError("train.accelerator is 'gpu', but this machine has none; allowed here: cpu, auto")
    kind, available = ("GPUs", gpus) if uses_gpu(accelerator) else ("CPU cores", os.cpu_count() or 1)
    if devices > available:
        raise ParamsError(f"train.devices is {devices}; allowed: 1 to {available}, the {kind} of this machine")
    if precision == "16-mixed" and not uses_gpu(accelerator):
        raise ParamsError("train.precision is '16-mixed', which needs a GPU; allowed: 32-true, bf16-mixed, 64-true")
    if precision == "bf16-mixed" and uses_gpu(accelerator) and not torch.cuda.is_bf16_supported():
        raise ParamsError("train.precision is 'bf16-mixed', which this GPU lacks; allowed: 32-true, 16-mixed, 64-true")


def check_memory(
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


def uses_gpu(accelerator: str) -> bool:
    """Whether `accelerator` (cpu, gpu or auto) means a GPU here."""
    return accelerator != "cpu" and torch.cuda.is_available()


def device(accelerator: str) -> torch.device:
    """Where a single process computes."""
    return torch.device("cuda" if uses_gpu(accelerator) else "cpu")


def peak_memory_mb(accelerator: str) -> float:
    """The most memory at any moment so far: of the GPU's tensors, or of this process as a whole (MB)."""
    if uses_gpu(accelerator):
        return torch.cuda.max_memory_allocated() / 1e6
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def prepare(threads: int) -> None:
    """Sets up this process; call it before the first tensor operation, while there are no worker threads."""
    # Gradients that fade through time become denormal numbers, with which float32 arithmetic is about 5 times slower.
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)


@cache
def keep_to_this_machine() -> TCPStore:
    """Lets the processes of one training meet where only this machine can reach them; it lasts as long as this one.

    Call it before the others are started. PyTorch's own meeting place listens on all addresses and trusts everyone.
    """
    place = socket.create_server(("127.0.0.1", 0))
    port = place.getsockname()[1]
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        # There is a store already; this is how torchrun says so.
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
    }
    return TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False, master_listen_fd=place.detach())
