"""What this machine can compute, and how a process is set up for it."""

import ctypes
import os
import platform
import socket
import sys
from functools import cache
from typing import Literal

import llvmlite.binding

from config.train import TrainParams
from core.errors import ParamsError

# Makes cuBLAS repeat its results; it reads this at its first use.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]


def check(accelerator: str, devices: int | Literal["auto"], precision: str) -> None:
    """Refuses settings that this machine cannot run.

    Raises:
        ParamsError: names the key of `train`, its value, and what is allowed.
    """
    gpus = torch.cuda.device_count()
    if accelerator == "gpu" and gpus == 0:
        raise ParamsError("train.accelerator is 'gpu', but this machine has no GPU; allowed here: cpu, auto")
    kind, available = ("GPU", gpus) if uses_gpu(accelerator) else ("CPU", os.cpu_count() or 1)
    if devices != "auto" and devices > available:
        raise ParamsError(f"train.devices is {devices}; allowed: 1 to {available}, the {kind}s of this machine")
    if precision not in (allowed := precisions(accelerator)):
        raise ParamsError(f"train.precision is {precision!r}, which this {kind} lacks; allowed: {', '.join(allowed)}")


def precisions(accelerator: str) -> list[str]:
    """The values of `train.precision` that this machine can compute in."""
    available = ["32-true", "64-true"]
    if computes_in_bfloat16(accelerator):
        available.append("bf16-mixed")
    if uses_gpu(accelerator):
        available += ["16-mixed"] + ["tf32"] * (torch.cuda.get_device_capability()[0] >= 8)
    return available


def computes_in_bfloat16(accelerator: str) -> bool:
    """Whether LSTMs can be computed in bfloat16: on x86 CPUs without AVX-512, oneDNN and PyTorch have no kernel."""
    if uses_gpu(accelerator):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return not onednn or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def uses_gpu(accelerator: str) -> bool:
    """Whether `accelerator` (cpu, gpu or auto) means a GPU here."""
    return accelerator != "cpu" and torch.cuda.is_available()


def device(accelerator: str) -> torch.device:
    """Where a single process computes."""
    return torch.device("cuda" if uses_gpu(accelerator) else "cpu")


def kind(accelerator: str, alone: bool) -> str:
    """The model of the GPU or CPU that computes, on which the last digits of results depend.

    With several nodes (not `alone`), which may differ, it is just cuda or cpu.
    """
    if not alone:
        return device(accelerator).type
    if uses_gpu(accelerator):
        return gpu(accelerator)
    return f"{llvmlite.binding.get_host_cpu_name()} {llvmlite.binding.get_host_cpu_features().flatten()}"


def gpu(accelerator: str) -> str:
    """The GPU's name, or "none" where `accelerator` means the CPU."""
    return torch.cuda.get_device_name() if uses_gpu(accelerator) else "none"


def prepare_for(train: TrainParams) -> TrainParams:
    """Checks the section train and prepares this process for it; returns the section with `devices` as a number.

    Raises:
        ParamsError: as `check`.
    """
    check(train.accelerator, train.devices, train.precision)
    prepare(train.threads, train.precision)
    if train.devices != "auto":
        return train
    return train.model_copy(update={"devices": torch.cuda.device_count() if uses_gpu(train.accelerator) else 1})


def prepare(threads: int, precision: str = "32-true") -> None:
    """Sets up this process; call it before the first tensor operation, while there are no worker threads."""
    round_to_tf32(precision == "tf32")
    # Gradients that vanish through time become denormal numbers, which make float32 arithmetic about 5 times slower.
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    _keep_memory()


def round_to_tf32(on: bool) -> None:
    """Whether a GPU's float32 products round their factors to tf32; cuDNN would do it by default."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = on


def _keep_memory() -> None:
    """Makes glibc keep the memory that a step frees, since the next step needs as much; without glibc does nothing.

    By default it returns large blocks to the system, which fills new ones with zeros, page by page. And a second thread
    would have a heap of its own, which cannot hold large blocks.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_max, arena_max = -1, -4, -8  # mallopt(3)
        library = ctypes.CDLL(None)
        library.mallopt(mmap_max, 0)
        library.mallopt(arena_max, 1)
        library.mallopt(trim_threshold, (1 << 31) - 1)  # the largest value it takes


@cache
def keep_to_this_machine() -> TCPStore:
    """Opens a rendezvous for one training's processes that only this machine can reach; it ends with this process.

    Call it before the others start. PyTorch's own rendezvous listens on all addresses, without authentication.
    """
    place = socket.create_server(("127.0.0.1", 0))
    port = place.getsockname()[1]
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        # torchrun's way to say that there is a store already.
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "GLOO_SOCKET_IFNAME": loopback,
        "NCCL_SOCKET_IFNAME": loopback,
    }
    return TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False, master_listen_fd=place.detach())
