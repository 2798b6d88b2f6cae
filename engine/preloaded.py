"""What workers need, loaded once in the process that they are forks of: Python's forkserver imports this module.

A worker of its own would spend seconds on it: on the libraries, also those that a stage imports when it first needs
them, on compiling loops or loading them from numba's cache, on the imports of the source files. An error here stops
nothing: the worker that meets it again reports it.
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
    gc.freeze()  # workers do not look at these objects, so they share the memory


def _are_loaded(module: str) -> bool:
    """Whether the stages so far have loaded `module`; not so where the tests have put other stages in their place."""
    return module in sys.modules


with suppress(Exception):
    _load(load())
