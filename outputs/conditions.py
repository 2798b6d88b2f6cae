"""The conditions under which a stage measures its times: only costs under the same conditions can be compared.

They stand in measurements/, in MLflow and in the report, never in an output of DVC.
"""

import os
from importlib.metadata import version

from joblib import cpu_count

TRAININGS_AT_ONCE = "TRAININGS_AT_ONCE"  # environment variable: how many of them commands.run runs at the same time


def current_conditions(accelerator: str) -> dict[str, str | int]:
    """The conditions of this process; `accelerator` is train.accelerator.

    Returns:
        cores: how many CPU cores it may use
        processor: its name and instruction set
        gpu: its name, or "none" where none is used
        engine: "alone", or "grid of 2" where commands.run runs two trainings at the same time
        torch, numba: their versions
    """
    from models import machine  # imports torch, a second; commands.run needs only the name above

    at_once = os.environ.get(TRAININGS_AT_ONCE)
    return {
        "cores": cpu_count(),
        "processor": machine.processor(),
        "gpu": machine.gpu(accelerator),
        "engine": f"grid of {at_once}" if at_once else "alone",
        "torch": version("torch"),
        "numba": version("numba"),
    }
