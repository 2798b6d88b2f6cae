"""The stages that a worker runs as plain functions, and what each reads, by which DVC would know them again."""

import hashlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from config.params import Params, load
from core.paths import TOKENS, VARIANTS
from provenance import code_lists

REFERENCE = "reference"  # the stage


class Task(NamedTuple):
    """What one worker does from beginning to end: a training and its evaluation, or the references."""

    name: str  # lstm-1, as DVC names it
    stages: tuple[str, ...]  # train@lstm-1, evaluate@lstm-1

    def reduced_to(self, stages: Collection[str]) -> "Task":
        """Those of its stages that are among `stages`."""
        return Task(self.name, tuple(stage for stage in self.stages if stage in stages))


def tasks(params: Params) -> list[Task]:
    """All that `params` asks for, the references first."""
    names = [f"{variant}-{seed}" for variant, seed in params.compare.trainings()]
    return [Task(REFERENCE, (REFERENCE,)), *(Task(name, (f"train@{name}", f"evaluate@{name}")) for name in names)]


def training_of(stage: str) -> tuple[str, int]:
    """The variant and the seed of a stage.

    >>> training_of("train@bi-lstm-1")
    ('bi-lstm', 1)
    """
    variant, _, seed = stage.partition("@")[2].rpartition("-")
    return variant, int(seed)


def run_stage(stage: str, params: Params) -> None:
    """Runs the stage with this name, such as train@lstm-1, in this process."""
    kind = stage.partition("@")[0]
    code_lists.verify(kind)
    function: Callable[..., object]
    if kind == REFERENCE:
        from pipelines.reference import make_references

        make_references(params)
        return
    # Each takes a second or more to import, and a worker of another kind needs none of it.
    if kind == "train":
        from pipelines.train import train as function
    else:
        from pipelines.evaluate import evaluate as function
    function(params, *training_of(stage))


def inputs(stage: str) -> dict[str, str]:
    """A digest of each thing that `stage` reads, by its name; its own results apart.

    What has changed when the stage ends must not be recorded as what the stage was made from.
    """
    kind = stage.partition("@")[0]
    params = load()
    contents = {
        f"the code of {kind}, a library or a file that params.yaml names": code_lists.code_list(kind, params).encode(),
        str(TOKENS): _content(TOKENS / "summary.json"),  # which has the checksums of all its files
    }
    if kind == "train":
        contents["params.yaml: train"] = json.dumps(params.train.model_dump()).encode()
        path = VARIANTS / f"{training_of(stage)[0]}.json"
        contents[str(path)] = _content(path)
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
