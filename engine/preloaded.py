"""Loads what workers need, once, in the process that they are forked from: Python's forkserver imports this module.

Without it every worker would spend seconds on loading the libraries, including those that a stage imports late, on
compiling the loops or loading them from numba's cache, and on finding out what each source file imports. An error here
is ignored: the worker that runs into it again reports it.
"""

import gc
import sys
from contextlib import suppress
from importlib import import_module

from config.params import Params, load

STAGES = ("train", "evaluate", "reference", "compare")  # settings: as train and evaluate


def _load(params: Params) -> None:
    from engine import compiling
    from provenance import source_code

    first, *rest = STAGES
    import_module(f"pipelines.{first}")
    compilers = compiling.start(params) if _are_loaded("models.training.warmup") else []  # beside what follows
    for name in rest:
        import_module(f"pipelines.{name}")
    if _are_loaded("tracking.connection"):
        from tracking import comparison_from_outputs  # noqa: F401
        from tracking.connection import create_store

        create_store()
    for name in STAGES:
        source_code.files(name)  # which remembers what each file imports
    if compilers:
        compiling.wait(compilers)
        compiling.load_loops(params)
    gc.freeze()  # the workers' garbage collection skips these objects, so their memory stays shared


def _are_loaded(module: str) -> bool:
    """Whether the stages so far have loaded `module`; they have not if the tests have replaced them."""
    return module in sys.modules


with suppress(Exception):
    _load(load())
