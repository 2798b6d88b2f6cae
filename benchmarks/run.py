"""`make bench`: measures in turn and writes benchmarks/results/. `python -m benchmarks.run [--runs 3] [work …]`.

The candidates of a work take turns (A B C A B C …), each time in a new process. A figure is the median; its spread is
the range. Works that are not named keep the figures of their last run.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import growth, serve
from benchmarks.corpus import ROOT, prepare
from benchmarks.tables import write_table
from models.machine import computes_in_bfloat16

RESULTS = ROOT / "benchmarks" / "results"
PEERS = ROOT / "benchmarks" / ".venv" / "bin" / "python"
PEER_CANDIDATES = {"keras-tensorflow", "keras-jax", "keras", "hf-tokenizers"}
IN_BFLOAT16 = {"project-bf16", "bfloat16-one-core", "bfloat16-all-cores"}


class Work(NamedTuple):
    """The candidates of one module, and how many turns each has relative to --runs."""

    module: str
    candidates: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    runs: int = 0  # 0: as --runs says


TRAIN = ("project", "project-bf16", "packed", "padded", "keras-tensorflow", "keras-jax")
PREDICT = ("project", "packed", "keras-tensorflow", "keras-jax")
WORKS = {
    "limit": Work("limit", ("float32-one-core", "float32-all-cores", "bfloat16-one-core", "bfloat16-all-cores")),
    "train-lstm": Work("train", TRAIN, ("--variant", "lstm")),
    "train-bilstm": Work("train", TRAIN, ("--variant", "bilstm")),
    "predict-lstm": Work("predict", PREDICT, ("--variant", "lstm")),
    "predict-bilstm": Work("predict", PREDICT, ("--variant", "bilstm")),
    "tokenize": Work("tokenize", ("project", "torchtext-loop", "keras", "hf-tokenizers")),
    "raw-texts": Work("raw_texts", ("project", "scikit-learn", "packed", "keras")),
    "grid": Work("grid", ("project", "dvc-repro"), runs=2),
    "overhead": Work("overhead", ("dvc-repro", "dvc-status", "first-step", "bare-imports"), runs=5),
}
ALL = [*WORKS, "serve", "growth"]


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("works", nargs="*", metavar="work", help=f"of {', '.join(ALL)}; default: all")
    arguments.add_argument("--runs", type=int, default=3, help="turns of each candidate")
    chosen = arguments.parse_args()
    works = chosen.works or ALL
    if unknown := set(works) - set(ALL):
        arguments.error(f"{', '.join(sorted(unknown))} is no work; allowed: {', '.join(ALL)}")
    started = time.monotonic()
    path = RESULTS / "results.json"
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results["corpus"] = prepare()
    results["machine"] = describe_machine()
    for name in works:
        if name == "growth":
            results[name] = run_growth()
        elif name == "serve":
            results[name] = run_serve(chosen.runs)
        else:
            results[name] = run_work(name, WORKS[name], chosen.runs)
        results[name]["date"] = date.today().isoformat()
        results[name]["load_before"] = round(os.getloadavg()[0], 2)
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    write_table(results, RESULTS / "table.md")
    print((RESULTS / "table.md").read_text(encoding="utf-8"))
    print(f"{(time.monotonic() - started) / 60:.1f} minutes; benchmarks/results/ has all figures, and growth.png")


def run_work(name: str, work: Work, runs: int) -> dict[str, Any]:
    """Every candidate's figures: {candidate: {median, lowest, highest, runs}}, or {candidate: {left_out: why}}."""
    found: dict[str, list[float]] = {
        candidate: [] for candidate in work.candidates if candidate not in IN_BFLOAT16 or computes_in_bfloat16("cpu")
    }
    same: set[str] = set()
    for turn in range(work.runs or runs):
        for candidate in found:
            result = measure(f"benchmarks.{work.module}", candidate, *work.arguments, peer=candidate in PEER_CANDIDATES)
            found[candidate].append(result["value"])
            same.add(result.get("same", ""))
            print(f"{name:14} turn {turn + 1}  {candidate:18} {result['value']:>16,.2f}", flush=True)
    if len(same) > 1:
        sys.exit(f"error: the candidates of {name} left different results")
    reason = {"left_out": "this CPU does not compute in bfloat16"}
    return {candidate: summary(found[candidate]) if candidate in found else reason for candidate in work.candidates}


def run_serve(runs: int) -> dict[str, Any]:
    """Documents per second and percentiles of the milliseconds for each number of clients."""
    found: dict[int, list[dict[str, float]]] = {clients: [] for clients in serve.CLIENTS}
    for turn in range(runs):
        for clients, turns in found.items():
            turns.append(measure("benchmarks.serve", str(clients)))
            shown = "  ".join(f"{name} {value:.1f}" for name, value in turns[-1].items())
            print(f"serve  turn {turn + 1}  {clients:2} clients  {shown}", flush=True)
    return {
        f"{clients} clients": {key: summary([turn[key] for turn in turns]) for key in turns[0]}
        for clients, turns in found.items()
    }


def run_growth() -> dict[str, Any]:
    """Seconds and megabytes by work and size, measured once, and their figure."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for work, sizes in growth.SIZES.items():
        found[work] = {}
        for size in sizes:
            found[work][size] = measure("benchmarks.growth", work, str(size))
            result = found[work][size]
            print(f"growth  {work:9} {size:>7,}  {result['value']:.1f} s  {result['megabytes']:,.0f} MB", flush=True)
    RESULTS.mkdir(exist_ok=True)
    growth.draw(found, RESULTS)
    return {work: {str(size): result for size, result in points.items()} for work, points in found.items()}


def measure(*command: str, peer: bool = False) -> dict[str, Any]:
    """Runs the module `command` and reads the line of JSON that it prints last."""
    python = str(PEERS) if peer else sys.executable
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [python, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"error: {' '.join(command)} failed\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def summary(values: list[float]) -> dict[str, Any]:
    """Median and range."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values), "runs": len(values)}


def describe_machine() -> dict[str, Any]:
    """The hardware and versions on which the figures depend."""
    from importlib.metadata import version

    model = platform.processor() or platform.machine()
    if (information := Path("/proc/cpuinfo")).exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    listed = subprocess.run(
        [str(PEERS), "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    peers = {entry["name"]: entry["version"] for entry in json.loads(listed.stdout)}
    names = ("tensorflow_cpu", "jax", "keras", "tokenizers")
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        **{name: peers.get(name) or peers.get(name.replace("_", "-")) for name in names},
    }


if __name__ == "__main__":
    main()
