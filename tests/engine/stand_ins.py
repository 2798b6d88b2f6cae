"""Quick stages in the place of the real ones, which take seconds to start: what is tested is the work around them."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

from tests.pipelines.project import SHORT, copy_project, run_in

STAGE = """
import json, os, pathlib, signal, sys
from core import command_line

with open("loaded-" + pathlib.Path(__file__).stem, "a") as file:
    file.write("once ")

def make(name):
    words = name.rsplit("-", 1)
    if pathlib.Path("fail-" + name).exists():
        sys.exit("error: the loss is nan")
{before}
    for path in {outputs}:
        path = pathlib.Path(path.format(*words))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({content}))

def train(params, variant, seed):
    make(f"{{variant}}-{{seed}}")

evaluate = train

def make_references(params):
    make("")

compare_and_log = make_references

def start():
    command_line.end_with_parent()
    make(os.environ["DVC_STAGE"].partition("@")[2])

if __name__ == "__main__":
    command_line.finish(start)
"""
OUTPUTS = {
    "download": ["data/raw"],
    "tokenize": ["data/tokens/summary.json"],
    "train": [f"results/{{}}/seed-{{}}/{file}" for file in ("config.json", "history.json", "model.safetensors")],
    "evaluate": [
        *(f"results/{{}}/seed-{{}}/{file}" for file in ("metrics.json", "predictions.parquet")),
        "data/evaluated/{}-{}.sha256",
    ],
    "reference": ["references/linear/config.json"],
    "compare": [
        *(f"reports/{file}" for file in ("comparison.json", "metrics.json", "comparison.html")),
        *("reports/plots/a.json", "reports/figures/a.png"),
    ],
}
# With the lists of the stage check, so that it differs as soon as a file that params.yaml names does.
CONTENTS = {
    "download": 'pathlib.Path("data/code/download.sha256").read_text()',
    "tokenize": """{
        **{"vocabulary_size": 9, "labels": ["no", "yes"]},
        **{place: pathlib.Path(place).read_text() for place in ("data/raw", "data/code/tokenize.sha256")},
    }""",
}
KEEP = """
from outputs import evaluation_checksums, tuned
from config.params import load
evaluation_checksums.keep_only(load().compare)
tuned.keep_only(load().compare)
"""
WAIT = """
try:
    print("waiting", flush=True)
    signal.pause()
finally:
    pathlib.Path("ended-" + name).touch()
"""

GRID = ("python", "-m", "commands.run", "--workers", "3")


def write_stage(project: Path, stage: str, before: str = "") -> None:
    content = CONTENTS.get(stage, '{"signature": name}')
    (project / "pipelines" / f"{stage}.py").write_text(
        STAGE.format(before=indent(before, "    "), outputs=OUTPUTS[stage], content=content)
    )


def ran(result: subprocess.CompletedProcess[str]) -> set[str]:
    """The stages that DVC or a worker ran."""
    by_workers = re.findall(r"^(\S+) +│ stage (\w+)$", result.stdout, re.MULTILINE)
    stages = {stage if name == stage else f"{stage}@{name}" for name, stage in by_workers}
    return stages.union(line.split("'")[1] for line in result.stdout.splitlines() if "Running stage" in line)


def lines_of(name: str, result: subprocess.CompletedProcess[str]) -> list[str]:
    """What was shown about a training."""
    lines = [line.split("│ ", 1) for line in result.stdout.splitlines() if "│ " in line]
    return [text for who, text in lines if who.strip() == name]


def make_project(folder: Path, changes: dict[str, Any], also: Sequence[str] = ()) -> None:
    """A copy of this project whose stages from train on are the quick ones, and `also` these."""
    copy_project(folder, changes, SHORT)
    for stage in (*also, "train", "evaluate", "reference", "compare"):
        write_stage(folder, stage, before=KEEP if stage == "compare" else "")
    assert run_in(folder, "dvc", "init", "--force", "--quiet").returncode == 0
