"""The conditions under which a stage measures its times: only costs under the same conditions can be compared.

They stand in measurements/, in MLflow and in the report, never in an output of DVC.
"""

import os
from importlib.metadata import version

from joblib import cpu_count

ENGINE = "ENGINE"  # environment variable: what runs the trainings, where commands.run does


def current_conditions(accelerator: str) -> dict[str, str | int]:
    """The conditions of this process; `accelerator` is train.accelerator.

    Returns:
        cores: how many CPU cores it may use
        processor: its name and instruction set
        gpu: its name, or "none" where none is used
        engine: "alone", "grid of 2" where commands.run runs two trainings at the same time, or "ray 2.60.0"
        torch, numba: their versions
    """
    from models import machine, processor  # import torch, a second; commands.run needs only the name above

    return {
        "cores": cpu_count(),
        "processor": processor.name(),
        "gpu": machine.gpu(accelerator),
        "engine": os.environ.get(ENGINE, "alone"),
        "torch": version("torch"),
        "numba": version("numba"),
    }
