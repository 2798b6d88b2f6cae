"""The stages that workers run as plain functions, and the inputs by which DVC decides whether they are up to date.

`python -m engine.tasks train@lstm-1` runs one in a process of its own, on a node of a cluster.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from functools import cache, reduce
from operator import getitem
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from config.params import Params, load
from core import command_line
from core.paths import CODE, RAW, RESULTS, TOKENS, setting_name
from outputs import trials
from provenance import code_lists
from provenance.source_code import ROOT

REFERENCE, COMPARE = "reference", "compare"  # the stages that are no training's
UPSTREAM = ("check", "download", "tokenize", "pretrain", "match")  # the stages that trainings depend on
TOKENIZE = "tokenize"  # of UPSTREAM, it can run on a cluster
KINDS = ("train", "evaluate", "settings", REFERENCE)  # the stages that run at the same time
SUMMARIES = {str(TOKENS): "summary.json", str(RAW): "card.json"}  # each has the checksums of all files in its folder
TRIAL = "trial"  # a part of the stage tune, which DVC does not know: it leaves a file of its own (outputs/trials.py)


class Task(NamedTuple):
    """Stages that one worker runs in turn: a training and its evaluation, the references, or the comparison."""

    name: str  # lstm-1, as DVC names it
    stages: tuple[str, ...]  # train@lstm-1, evaluate@lstm-1


def tasks(params: Params) -> list[Task]:
    """All that `params` asks for and that can run at the same time, the references first."""
    names = [f"{variant}-{seed}" for variant, seed in params.compare.trainings()]
    under_settings = [
        setting_name(variant, number)
        for variant in params.compare.variants
        for number in range(len(params.compare.settings))
    ]
    return [
        Task(REFERENCE, (REFERENCE,)),
        *(Task(name, (f"train@{name}", f"evaluate@{name}")) for name in names),
        *(Task(name, (f"settings@{name}",)) for name in under_settings),
    ]


def trial_tasks(params: Params, searches: Collection[str]) -> list[Task]:
    """The trials of the stages `searches`, such as tune@lstm.

    If the sampler learns from earlier trials, the trials of one search are one task and run one after another.
    """
    tuning, result = params.compare.tuning, []
    for name in (stage.partition("@")[2] for stage in searches):
        for repeat in range(tuning.repeats):
            stages = tuple(f"{TRIAL}@{name}-{repeat}-{number}" for number in range(tuning.trials))
            if tuning.learns:
                result.append(Task(f"{TRIAL}s {name}-{repeat}", stages))
            else:
                result += [Task(stage.replace("@", " "), (stage,)) for stage in stages]
    return result


def without_done(params: Params, trials: Sequence[Task]) -> list[Task]:
    """`trials` without the stages that are done; to find these takes seconds."""
    from pipelines.tune import trials_left

    searches = {trial_of(stage)[:2] for task in trials for stage in task.stages}
    left = {(*search, number) for search in searches for number in trials_left(params, *search)}
    reduced = [Task(task.name, tuple(stage for stage in task.stages if trial_of(stage) in left)) for task in trials]
    return [task for task in reduced if task.stages]


def due_tasks(params: Params, due: Collection[str]) -> list[Task]:
    """The tasks with the stages that have to run: those in `due`, and the evaluation of each training in `due`."""
    reduced = []
    for task in tasks(params):
        first = next((index for index, stage in enumerate(task.stages) if stage in due), len(task.stages))
        reduced.append(Task(task.name, task.stages[first:]))
    return [task for task in reduced if task.stages]


def order(params: Params) -> list[str]:
    """All stages in the order in which `dvc repro` runs them."""
    searches = [f"tune@{variant}" for variant in params.compare.variants]
    of_tasks = [stage for task in tasks(params) for stage in task.stages]
    return [
        *UPSTREAM,
        *searches,
        *sorted(of_tasks, key=lambda stage: KINDS.index(stage.partition("@")[0])),
        COMPARE,
    ]


def training_of(stage: str) -> tuple[str, int]:
    """The variant and the seed of a stage.

    >>> training_of("train@bi-lstm-1")
    ('bi-lstm', 1)
    """
    variant, _, seed = stage.partition("@")[2].rpartition("-")
    return variant, int(seed)


def trial_of(stage: str) -> tuple[str, int, int]:
    """The variant, the search and the number of a trial.

    >>> trial_of("trial@bi-lstm-0-12")
    ('bi-lstm', 0, 12)
    """
    variant, repeat, number = stage.partition("@")[2].rsplit("-", 2)
    return variant, int(repeat), int(number)


def listed_setting_of(stage: str) -> tuple[str, int]:
    """The variant of a stage settings, and the place of the setting.

    >>> listed_setting_of("settings@bi-lstm-setting1")
    ('bi-lstm', 1)
    """
    variant, _, number = stage.partition("@")[2].rpartition("-setting")
    return variant, int(number)


def code_of(stage: str) -> str:
    """The name of the code list that `stage` depends on."""
    kind = stage.partition("@")[0]
    return "tune" if kind == TRIAL else kind


def call_stage(stage: str, params: Params) -> None:
    """Runs the stage with this name, such as train@lstm-1, in this process."""
    kind = stage.partition("@")[0]
    code_lists.verify(code_of(stage), params)
    # Each takes a second or more to import, and a worker of another kind needs none of it.
    match kind:
        case "train":
            from pipelines.train import train

            train(params, *training_of(stage))
        case "evaluate":
            from pipelines.evaluate import evaluate

            evaluate(params, *training_of(stage))
        case "trial":
            from pipelines.tune import run_trials

            variant, repeat, number = trial_of(stage)
            run_trials(params, variant, repeat, [number])
        case "settings":
            from pipelines.settings import train_under

            train_under(params, *listed_setting_of(stage))
        case "reference":
            from pipelines.reference import make_references

            make_references(params)
        case "compare":
            from pipelines.compare import compare_and_log

            compare_and_log(params)
        case _:
            raise ValueError(f"workers do not run the stage {stage}")


def files_for(task: Task, params: Params) -> dict[str, bytes]:
    """The files that the stages of `task` read, without the tokens: contents by path."""
    first, *later = task.stages
    learns = first.startswith(f"{TRIAL}@") and params.compare.tuning.learns
    earlier_trials = trials.files_of(trial_of(first)[0]) if learns else []
    names = [*_declared(first).files, *(CODE / f"{code_of(stage)}.sha256" for stage in later), *earlier_trials]
    files = {name.as_posix(): name.read_bytes() for name in names if name.is_file()}
    return {**files, "params.yaml": params.model_dump_json().encode()}  # JSON is YAML


def inputs(stages: Sequence[str], params: Params) -> dict[str, dict[str, str]]:
    """A digest of each input of each of the `stages`, by name, except for the files in results/.

    An input that has changed by the time a stage ends must not be recorded as the one that the stage used.
    """
    kinds = {stage.partition("@")[0] for stage in stages}
    lists = {kind: code_lists.code_list(kind, params).encode() for kind in kinds}
    values = params.model_dump(mode="json")
    return {stage: _inputs(stage, values, lists[stage.partition("@")[0]]) for stage in stages}


def _inputs(stage: str, values: dict[str, Any], code_list: bytes) -> dict[str, str]:
    declared = _declared(stage)
    contents = {f"the code of {stage.partition('@')[0]}, a library or a file that params.yaml names": code_list}
    for key in declared.params:
        contents[f"params.yaml: {key}"] = json.dumps(reduce(getitem, key.split("."), values)).encode()
    for path in declared.files:
        if not path.is_relative_to(RESULTS) and not path.is_relative_to(CODE):
            contents[str(path)] = path.read_bytes() if path.is_file() else b""
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


class Declared(NamedTuple):
    """What dvc.yaml says that a stage reads: keys of params.yaml, and files (a summary of data/tokens and data/raw)."""

    params: list[str]
    files: list[Path]


def _declared(stage: str) -> Declared:
    """What a stage reads; a trial reads the same as the stage tune.

    >>> [str(path) for path in _declared("train@lstm-1").files[-2:]]
    ['data/tuned/lstm/seed-1.json', 'data/variants/lstm.json']
    """
    kind = stage.partition("@")[0]
    item = {TRIAL: trial_of, "settings": listed_setting_of}.get(kind, training_of)(stage) if "@" in stage else ("", "")
    entry = _pipeline()[code_of(stage)]
    files = [name.replace("${item.variant}", item[0]).replace("${item.seed}", str(item[1])) for name in entry["deps"]]
    return Declared(entry.get("params", []), [Path(name, SUMMARIES.get(name, "")) for name in files])


@cache
def _pipeline() -> dict[str, Any]:
    """The stages of dvc.yaml."""
    stages: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    return stages


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("stage", help="such as train@lstm-1")
    command_line.run(lambda chosen: call_stage(chosen.stage, load()), arguments)


if __name__ == "__main__":
    main()
