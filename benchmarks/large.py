"""Time and memory of the stages download and tokenize for many rows. `python -m benchmarks.large [--rows 10000000]`.

Writes a CSV file with made-up reviews of about 60 words to benchmarks/.work, runs both stages as params.yaml has them
(but for data.name and data.source), prints a table and deletes everything. A row takes about 1.5 kB of disk at the
same time. Anonymous memory cannot be reclaimed; resident memory also counts pages of mapped files, which can.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psutil
from ruamel.yaml import YAML

from benchmarks.corpus import ROOT, WORK

PROJECT = WORK / "large"
PHRASES, WORDS_IN_PHRASE, PHRASES_IN_ROW = 100_000, 10, 6
WORDS = 200_000
ROWS_AT_A_TIME = 100_000


def main() -> None:
    """Prints a table as Markdown."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    rows = arguments.parse_args().rows
    shutil.rmtree(PROJECT, ignore_errors=True)
    PROJECT.mkdir(parents=True)
    try:
        source = write_reviews(rows)
        write_params(source)
        print(f"{rows:,} rows, {source.stat().st_size / 1e9:.2f} GB of CSV\n")
        print("| stage | seconds | CPU seconds | anonymous memory, GB | resident memory, GB | output, GB |")
        print("| --- | --: | --: | --: | --: | --: |", flush=True)
        for stage, output in {"download": "data/raw", "tokenize": "data/tokens"}.items():
            seconds, cpu, anonymous, resident = measure(stage)
            size = sum(file.stat().st_size for file in (PROJECT / output).iterdir()) / 1e9
            print(
                f"| {stage} | {seconds:.0f} | {cpu:.0f} | {anonymous:.2f} | {resident:.2f} | {size:.2f} |", flush=True
            )
    finally:
        shutil.rmtree(PROJECT)


def write_reviews(rows: int) -> Path:
    """A CSV file with different texts of words that are as unequally frequent as in a language."""
    rng = np.random.default_rng(1)
    ranks = np.minimum(rng.zipf(1.3, PHRASES * WORDS_IN_PHRASE), WORDS)
    phrases = [" ".join(f"w{rank}" for rank in phrase) for phrase in ranks.reshape(PHRASES, WORDS_IN_PHRASE).tolist()]
    path = PROJECT / "reviews.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("stars,text\n")
        for start in range(0, rows, ROWS_AT_A_TIME):
            number = min(ROWS_AT_A_TIME, rows - start)
            chosen = rng.integers(PHRASES, size=(number, PHRASES_IN_ROW)).tolist()
            file.writelines(
                f'{row % 5 + 1},"{", ".join(phrases[index] for index in indices)} {start + row}"\n'
                for row, indices in enumerate(chosen)
            )
    return path


def write_params(source: Path) -> None:
    """The project's params.yaml with another source."""
    yaml = YAML()
    content = yaml.load(ROOT / "params.yaml")
    content["data"] |= {"name": "custom", "source": str(source)}
    yaml.dump(content, PROJECT / "params.yaml")


def measure(stage: str) -> tuple[float, float, float, float]:
    """Seconds, CPU seconds, and the peaks of anonymous and of resident memory of a stage and its workers, in GB."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"pipelines.{stage}"]
    before, started = os.times(), time.perf_counter()
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL) as process:
        ended, peaks = Event(), [0.0, 0.0]
        watch = Thread(target=_sample, args=(psutil.Process(process.pid), ended, peaks))
        watch.start()
        code = process.wait()
        ended.set()
        watch.join()
    if code:
        sys.exit(f"error: the stage {stage} failed")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, cpu, peaks[0], peaks[1]


def _sample(process: psutil.Process, ended: Event, peaks: list[float]) -> None:
    """Raises the `peaks` to the memory of the process and its children, until `ended`."""
    while not ended.wait(0.1):
        anonymous = resident = 0
        for each in [process, *process.children(recursive=True)]:
            try:
                memory = each.memory_info()
            except psutil.NoSuchProcess:
                continue
            anonymous, resident = anonymous + memory.rss - memory.shared, resident + memory.rss
        peaks[:] = max(peaks[0], anonymous / 1e9), max(peaks[1], resident / 1e9)


if __name__ == "__main__":
    main()
