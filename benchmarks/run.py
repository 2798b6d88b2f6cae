"""`make bench`: measures in turn and writes benchmarks/results/. `python -m benchmarks.run [--runs 3] [work …]`.

The candidates of a work take turns (A B C A B C …), each time in a new process, and only while nothing else runs
(benchmarks/quiet.py). A figure is the median; its spread is the range. Works that are not named keep the figures of
their last run, unless it had another corpus, machine or version: then they are dropped. `wide` names all works that
begin with it, and so does every other first word.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import growth, serve
from benchmarks.corpus import ROOT, prepare
from benchmarks.quiet import Watch
from benchmarks.tables import BY_HAND, UNITS_OF_WIDE, write_table
from models.machine import computes_in_bfloat16

RESULTS = ROOT / "benchmarks" / "results"
PEERS = ROOT / "benchmarks" / ".venv" / "bin" / "python"
PEER_CANDIDATES = {"keras-tensorflow", "keras-jax", "keras-jax-bucketed", "keras", "hf-tokenizers"}


class Work(NamedTuple):
    """The candidates of one module, and how many turns each has relative to --runs."""

    module: str
    candidates: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    runs: int = 0  # 0: as --runs says


KERAS = ("keras-tensorflow", "keras-jax", "keras-jax-bucketed")
TRAIN = (*BY_HAND, "compiled", "compiled-bf16", "packed", "padded", *KERAS)
PREDICT = ("project", "tuned", "tuned-bf16", "compiled", "packed", *KERAS)
WIDE = ("--variant", "bilstm", "--embedding", "256", "--pooling", "max")
WORKS = {
    "limit": Work("limit", ("float32-one-core", "float32-all-cores", "bfloat16-one-core", "bfloat16-all-cores")),
    "train-lstm": Work("train", TRAIN, ("--variant", "lstm")),
    "train-bilstm": Work("train", TRAIN, ("--variant", "bilstm")),
    "predict-lstm": Work("predict", PREDICT, ("--variant", "lstm")),
    "predict-bilstm": Work("predict", PREDICT, ("--variant", "bilstm")),
    **{f"wide-{hidden}": Work("train", BY_HAND, (*WIDE, "--hidden", str(hidden))) for hidden in UNITS_OF_WIDE},
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
    arguments.add_argument(
        "--any-load", action="store_true", help="measure although other work runs, and report how much"
    )
    chosen = arguments.parse_args()
    names = ALL
    works = [name for name in names if not chosen.works or {name, name.split("-")[0]} & set(chosen.works)]
    if unknown := set(chosen.works) - {*names, *(name.split("-")[0] for name in names)}:
        arguments.error(f"unknown work: {', '.join(sorted(unknown))}; allowed: {', '.join(names)}")
    started = time.monotonic()
    path = RESULTS / "results.json"
    results = comparable(path, {"corpus": prepare(), "machine": describe_machine()})
    watch = Watch(chosen.any_load)
    for name in works:
        if name == "growth":
            results[name] = run_growth(watch)
        elif name == "serve":
            results[name] = run_serve(chosen.runs, watch)
        else:
            results[name] = run_work(name, WORKS[name], chosen.runs, watch)
        results[name]["date"] = date.today().isoformat()
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        write_table(results, RESULTS / "table.md")
    print((RESULTS / "table.md").read_text(encoding="utf-8"))
    print(f"{(time.monotonic() - started) / 60:.1f} minutes; benchmarks/results/ has all figures, and growth.png")


def comparable(path: Path, conditions: dict[str, Any]) -> dict[str, Any]:
    """The results in the file that were measured under the same conditions, with the conditions."""
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else conditions
    if {key: results[key] for key in conditions} == conditions:
        return results
    print(f"{path} had another corpus, machine or version: its figures are dropped", flush=True)
    return conditions


def run_work(name: str, work: Work, runs: int, watch: Watch) -> dict[str, Any]:
    """Every candidate's figures: {candidate: {median, lowest, highest, runs, busy}} or {candidate: {left_out: why}}."""
    reasons = {candidate: reason for candidate in work.candidates if (reason := left_out(candidate))}
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in work.candidates if name not in reasons}
    for turn in range(work.runs or runs):
        for candidate in turns:
            command = (f"benchmarks.{work.module}", candidate, *work.arguments)
            result = watch.turn(partial(measure, *command, peer=candidate in PEER_CANDIDATES))
            turns[candidate].append(result)
            print(
                f"{name:14} turn {turn + 1}  {candidate:18} {result['value']:>16,.2f}  busy {result['busy']:.0%}",
                flush=True,
            )
    if len({result.get("same", "") for results in turns.values() for result in results}) > 1:
        sys.exit(f"error: the candidates of {name} left different results")
    figures = {name: summary(turns[name]) if name in turns else {"left_out": reasons[name]} for name in work.candidates}
    documents = {result["documents"] for results in turns.values() for result in results if "documents" in result}
    return {**figures, "documents": documents.pop()} if documents else figures


def run_serve(runs: int, watch: Watch) -> dict[str, Any]:
    """Documents per second and percentiles of the milliseconds for each number of clients."""
    results: dict[int, list[dict[str, float]]] = {clients: [] for clients in serve.CLIENTS}
    for turn in range(runs):
        for clients, turns in results.items():
            turns.append(watch.turn(partial(measure, "benchmarks.serve", str(clients))))
            shown = "  ".join(f"{name} {value:.1f}" for name, value in turns[-1].items())
            print(f"serve  turn {turn + 1}  {clients:2} clients  {shown}", flush=True)
    return {
        f"{clients} clients": {key: spread([turn[key] for turn in turns]) for key in turns[0]}
        for clients, turns in results.items()
    }


def left_out(candidate: str) -> str | None:
    """Why this machine cannot run the candidate."""
    if ("bf16" in candidate or "bfloat16" in candidate) and not computes_in_bfloat16("cpu"):
        return "this CPU does not compute in bfloat16"
    if candidate.startswith("compiled") and shutil.which(os.environ.get("CXX", "g++")) is None:
        return "torch.compile needs a C++ compiler"
    return None


def run_growth(watch: Watch) -> dict[str, Any]:
    """Seconds and megabytes by work and size, measured once, and their figure."""
    points: dict[str, dict[int, dict[str, float]]] = {}
    for work, sizes in growth.SIZES.items():
        points[work] = {}
        for size in sizes:
            result = watch.turn(partial(measure, "benchmarks.growth", work, str(size)))
            points[work][size] = result
            print(f"growth  {work:10} {size:>7,}  {result['value']:.1f} s  {result['megabytes']:,.0f} MB", flush=True)
    RESULTS.mkdir(exist_ok=True)
    growth.draw(points, RESULTS)
    return {work: {str(size): result for size, result in of_work.items()} for work, of_work in points.items()}


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


def summary(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Median and range, and how busy the machine was at most."""
    return {**spread([turn["value"] for turn in turns]), "busy": max(turn["busy"] for turn in turns)}


def spread(values: list[float]) -> dict[str, Any]:
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
