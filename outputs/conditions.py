"""Under what conditions a stage measures its times. Only costs that were measured under the same ones can be compared.

They stand in measurements/, in MLflow and in the report, never in an output of DVC.
"""

import os
from importlib.metadata import version

from joblib import cpu_count

TRAININGS_AT_ONCE = "TRAININGS_AT_ONCE"  # environment variable: how many of them commands.run runs at the same time


def conditions(accelerator: str) -> dict[str, str | int]:
    """Those of this process, with `train.accelerator`.

    Returns:
        cores: how many CPU cores it may use
        processor: its name and instruction set
        gpu: its name, or "none" where none is used
        engine: "alone", or "grid of 2" where commands.run runs two trainings at the same time
        torch, numba: their versions
    """
    from models import machine  # slow to import: commands.run needs nothing but the name above

    at_once = os.environ.get(TRAININGS_AT_ONCE)
    return {
        "cores": cpu_count(),
        "processor": machine.processor(),
        "gpu": machine.gpu(accelerator),
        "engine": f"grid of {at_once}" if at_once else "alone",
        "torch": version("torch"),
        "numba": version("numba"),
    }
