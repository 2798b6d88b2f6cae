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
TRIAL, SETTING = "trial", "setting"  # parts of the stages tune and settings, which DVC does not know


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


def trial_tasks(params: Params, stages: Collection[str]) -> list[Task]:
    """The trials of those of the `stages` that are searches, such as tune@lstm.

    If the sampler learns from earlier trials, those of one search are one task.
    """
    tuning = params.compare.tuning
    numbers = [tuning.trials - 1] if tuning.sampler == "tpe" else range(tuning.trials)
    names = [
        f"{variant}-{repeat}-{number}"
        for variant in params.compare.variants
        if f"tune@{variant}" in stages
        for repeat in range(tuning.repeats)
        for number in numbers
    ]
    return [Task(name, (f"{TRIAL}@{name}",)) for name in names]


def setting_tasks(params: Params, stages: Collection[str]) -> list[Task]:
    """The trainings of those of the `stages` that train under a setting, such as settings@lstm-setting0."""
    names = [
        f"{variant}-{number}-{seed}"
        for variant in params.compare.variants
        for number in range(len(params.compare.settings))
        if f"settings@{variant}-setting{number}" in stages
        for seed in params.compare.seeds
    ]
    return [Task(name, (f"{SETTING}@{name}",)) for name in names]


def is_recorded(stage: str) -> bool:
    """Whether DVC records the stage; a trial leaves a file of its own (outputs/trials.py)."""
    return stage.partition("@")[0] not in (TRIAL, SETTING)


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
    code_lists.verify({TRIAL: "tune", SETTING: "settings"}.get(kind, kind))
    function: Callable[..., object]
    if kind in (TRIAL, SETTING):
        _run_part(stage, params)
        return
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


def _run_part(stage: str, params: Params) -> None:
    """Runs a part of a stage, named by variant, search and trial, or by variant, setting and seed."""
    kind, _, name = stage.partition("@")
    variant, *numbers = name.rsplit("-", 2)
    first, second = map(int, numbers)
    if kind == TRIAL:
        from pipelines.tune import run_trials

        run_trials(params, variant, first, [second])
    else:
        from pipelines.settings import train_one

        train_one(params, variant, first, second)


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
