"""How the cores and GPUs of this machine are shared among trainings that run at the same time."""

import os
from typing import NamedTuple

from joblib import cpu_count

from config.train import TrainParams

SHARE_A_GPU = 4
"""How many trainings share one GPU, if each needs only one. While a training starts, it keeps a core busy and the GPU
idle, and its small steps use few of the GPU's multiprocessors (docs/gpu.md)."""


class Share(NamedTuple):
    """What one worker uses: CPU cores of its own (none: all of them), and GPUs, which several workers may share."""

    cores: list[int]
    gpus: list[str]


def share_out(train: TrainParams, trainings: int, workers: int | None) -> list[Share]:
    """A share for each training that runs at the same time: as many as there are cores or GPUs for, or `workers`.

    All shares have the same number of cores; otherwise the costs of their trainings could not be compared. Some cores
    may be left over. There are no shares if a training spans several nodes, which the user starts by hand.
    """
    if train.num_nodes > 1:
        return []
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    cores = cores[: cpu_count()]  # which knows of a container's limits, too
    gpus = _gpus() if train.accelerator != "cpu" else []
    devices = (len(gpus) or 1) if train.devices == "auto" else train.devices
    groups = [gpus[start : start + devices] for start in range(0, len(gpus) - devices + 1, devices)]
    most = len(cores) // (devices * train.threads)
    if gpus:
        most = max(len(groups), min(most, SHARE_A_GPU * len(gpus))) if devices == 1 else len(groups)
    count = min(trainings, workers or most) if most else 0
    if not hasattr(os, "sched_setaffinity") or count > len(cores):
        cores = []
    width = len(cores) // count if count else 0
    return [
        Share(cores[part * width : (part + 1) * width], groups[part % len(groups)] if gpus else [])
        for part in range(count)
    ]


def _gpus() -> list[str]:
    if (chosen := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in chosen.split(",") if name]
    import torch  # takes a second, which trainings on the CPU need not wait for

    return [str(number) for number in range(torch.cuda.device_count())]
