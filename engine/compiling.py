"""Compiles the loops of models/cpu/ before the first training needs them. `python -m engine.compiling`.

numba compiles a loop at its first call and caches the result (core/compiled.py). Trainings that start together would
all compile the same loops. Here two processes take a training step with tiny models: one leaves out the backward
loops, the other the forward loops. Loops that are already in the cache are only loaded.
"""

import os
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from config.params import Params, load
from config.train import TrainParams
from config.variants import VariantParams
from core import command_line
from core.errors import UserError

Pass = Literal["forward", "backward"]
PASSES: tuple[Pass, ...] = ("forward", "backward")


def main() -> None:
    """The command line: compiles for the variants in params.yaml, and the tokenizer's loops."""
    command_line.run(lambda _: _compile(load()), command_line.parser(__doc__))


def _compile(params: Params) -> None:
    import pipelines.train  # noqa: F401  # loads, once for both processes, what the loops are called by

    compilers = start(params)
    if params.tokenize.tokenizer in ("auto", "basic_english", "whitespace"):
        from text.tokenizing.words import WordTokenizer

        WordTokenizer("basic_english")(["a"])
    wait(compilers)


def start(params: Params) -> list[int]:
    """Forks a process for each pass, and returns their ids; this process must not have any threads.

    An error there is ignored: the training that runs into it again reports it.
    """
    compilers = []
    for each in PASSES:
        if (process := os.fork()) == 0:
            try:
                compile_loops(params, each)
            finally:
                os._exit(0)
        compilers.append(process)
    return compilers


def wait(compilers: Iterable[int]) -> None:
    """Waits until they are done."""
    for process in compilers:
        os.waitpid(process, 0)


def load_loops(params: Params) -> None:
    """Loads from numba's cache what `start` has compiled, and whatever else a first step loads.

    Forks of this process need not load them again. It starts no threads, and its PyTorch settings stay the default.
    """
    if not hasattr(os, "sched_setaffinity"):
        return  # a second thread would take part (models/cpu/threads.py), and no fork would have it
    import torch

    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(cores)})
    try:
        compile_loops(params)
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)
        torch.use_deterministic_algorithms(False)


def compile_loops(params: Params, direction: Pass | None = None) -> None:
    """Compiles the cells' loops of one `direction` or of both, and all others.

    It takes a step of training of each kind of variant.
    """
    from models import machine
    from models.cpu import loops

    if machine.uses_gpu(params.train.accelerator):
        return
    left_out: dict[str, Any] = {each: _write_nothing for each in PASSES if direction not in (None, each)}
    for cell, own in loops.CELLS.items():
        loops.CELLS[cell] = own._replace(**left_out)
    train = params.train.model_copy(
        update={"epochs": 1, "unfreeze": 0, "devices": 1, "num_nodes": 1, "strategy": "auto"}
    )
    try:
        machine.check(train.accelerator, train.devices, train.precision)
    except UserError:
        return  # the stage check reports it
    machine.prepare(train.threads, train.precision)
    for variant in kinds(params.variants[name] for name in params.compare.variants):
        _take_step(variant, train)


def kinds(variants: Iterable[VariantParams]) -> list[VariantParams]:
    """Tiny variants, one for all that differ in their sizes alone."""
    tiny = [variant.model_copy(update={"hidden_size": 8, "embedding_size": 8}) for variant in variants]
    return list({variant.model_dump_json(): variant for variant in tiny}.values())


def _take_step(variant: VariantParams, train: TrainParams) -> None:
    from models.classifier import TextClassifier
    from models.training.building import as_lightning
    from models.training.warmup import warm_up

    documents = _Documents()
    module, trainer = as_lightning(TextClassifier(_Documents.WORDS, 2, **variant.model_dump()), train)
    warm_up(trainer, module, documents, len(documents.lengths))


def _write_nothing(*_: Any) -> None:
    """Stands in for a loop that is left out; the results of the step are then meaningless."""


class _Documents:
    """Four documents of four words, as text.batches reads them."""

    WORDS = 6

    def __init__(self) -> None:
        self.lengths = np.full(4, 4, np.int32)
        self.labels = np.array([0, 1, 0, 1], np.int32)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """Tokens (batch, 4) and lengths (batch,)."""
        return np.full((len(indices), 4), 2, np.int32), self.lengths[indices]


if __name__ == "__main__":
    main()
