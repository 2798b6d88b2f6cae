"""What workers need, loaded once in the process that they are forks of: Python's forkserver imports this module.

A worker of its own would spend seconds on it: on the libraries, also those that a stage imports when it first needs
them, on compiling loops or loading them from numba's cache, on the imports of the source files. An error here stops
nothing: the worker that meets it again reports it.
"""

import gc
import os
from contextlib import suppress
from importlib import import_module

from config.params import Params, load

FIRST = ("models.training.warmup", "models.cpu.loops", "pipelines.train")  # what compiling needs
REST = ("pipelines.evaluate", "pipelines.reference", "pipelines.compare", "tracking.comparison_from_outputs")
STAGES = ("train", "evaluate", "settings", "reference", "compare")


def _load(params: Params) -> None:
    from engine import compiling
    from provenance import source_code

    for name in FIRST:
        import_module(name)
    compilers = compiling.start(params)  # beside what follows
    for name in REST:
        import_module(name)
    for stage in STAGES:
        source_code.files(stage)  # which remembers what each file imports
    compiling.wait(compilers)
    compiling.load_loops(params)
    gc.freeze()  # workers do not look at these objects, so they share the memory


with suppress(Exception):
    _load(load())
