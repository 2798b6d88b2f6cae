"""The trials of a search are tasks of the engine: several at a time, on this machine and on a cluster's nodes."""

import json
import shutil
from pathlib import Path
from typing import Any

from config.params import Params
from engine.tasks import trial_tasks
from tests.engine.stand_ins import GRID, lines_of
from tests.pipelines.project import change_params, run_in

TUNE = """
import json, os, pathlib, time
from config.params import load
from outputs import trials, tuned

def trials_left(params, variant, repeat):
    numbers = range(params.compare.tuning.trials)
    return [number for number in numbers if trials.read(f"{variant}-{repeat}-{number}") is None]

def run_trials(params, variant, repeat, numbers):
    for number in set(numbers).intersection(trials_left(params, variant, repeat)):
        name = f"{variant}-{repeat}-{number}"
        print("tried in", os.getcwd(), flush=True)
        (FOLDER / name).touch()
        deadline = time.monotonic() + 120
        while len(list(FOLDER.iterdir())) < AT_ONCE:  # until another one is at work
            assert time.monotonic() < deadline, "trials run one after another"
            time.sleep(0.01)
        tokens = sorted(path.name for path in pathlib.Path("data/tokens").iterdir())
        trials.write(name, {"variant": variant, "tokens": tokens})

if __name__ == "__main__":
    params, variant = load(), os.environ["DVC_STAGE"].partition("@")[2]
    assert not trials_left(params, variant, 0)
    tuned.write_tuned(variant, {seed: {} for seed in params.compare.seeds}, None)
"""


def searched(prepared: Path, tmp_path: Path, *command: str) -> dict[int, str]:
    """Where each of four trials ran, of which the second one was done before; each waits for another one to begin."""
    project, meeting = Path(shutil.copytree(prepared, tmp_path / "project")), tmp_path / "meeting"
    meeting.mkdir()
    text = TUNE.replace("FOLDER", f"pathlib.Path({str(meeting)!r})").replace("AT_ONCE", "2")
    (project / "pipelines" / "tune.py").write_text(text)
    change_params(project, {"compare.variants": ["lstm"], "compare.seeds": [3], "compare.tuning.trials": 4})
    (project / "trials").mkdir()
    (project / "trials" / "lstm-0-1.json").write_text('{"variant": "lstm"}')
    result = run_in(project, *command)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "lstm-3" in result.stdout
    made = {path.stem: json.loads(path.read_text()) for path in (project / "trials").iterdir()}
    assert made.keys() == {f"lstm-0-{number}" for number in range(4)}
    if "ray" in command:
        assert all("test.arrow" not in trial["tokens"] for name, trial in made.items() if name != "lstm-0-1")
    said = {number: lines_of(f"trial lstm-0-{number}", result) for number in range(4)}
    places = {number: [line for line in lines if line.startswith("tried in")] for number, lines in said.items()}
    assert [len(lines) for lines in places.values()] == [1, 0, 1, 1]
    return {number: lines[0].removeprefix("tried in ") for number, lines in places.items() if lines}


def test_trials_run_several_at_a_time_on_this_machine(prepared: Path, tmp_path: Path) -> None:
    assert set(searched(prepared, tmp_path, *GRID).values()) == {str(tmp_path / "project")}


def test_trials_run_on_the_nodes_of_a_cluster_which_have_no_test_split(
    prepared: Path, tmp_path: Path, cluster: Any
) -> None:
    places = searched(prepared, tmp_path, "python", "-m", "commands.run", "--engine", "ray")
    assert str(tmp_path / "project") not in places.values()
    assert len(set(places.values())) == 3  # a folder for each


def params(**tuning: Any) -> Params:
    compare = {"variants": ["lstm"], "seeds": [1, 2], "baseline": "lstm", "tuning": {"trials": 3, **tuning}}
    return Params.model_validate({"data": {"name": "imdb"}, "variants": {"lstm": {"cell": "lstm"}}, "compare": compare})


def test_trials_that_learn_from_each_other_are_one_task_a_search() -> None:
    names = [task.name for task in trial_tasks(params(repeats=2), ["tune@lstm"])]
    assert names == [f"trial lstm-{repeat}-{number}" for repeat in (0, 1) for number in range(3)]
    one, other = trial_tasks(params(repeats=2, sampler="tpe"), ["tune@lstm"])
    assert one.stages == tuple(f"trial@lstm-0-{number}" for number in range(3))
    assert other.stages == tuple(f"trial@lstm-1-{number}" for number in range(3))
