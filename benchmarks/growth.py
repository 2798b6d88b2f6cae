"""Seconds and peak memory as the work grows. `python -m benchmarks.growth <work> <size>`.

tokenize: `size` documents through the stage tokenize; epoch: one epoch of the BiLSTM over `size` documents; length:
one epoch over 400 documents of `size` tokens each.
"""

import argparse
import json
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.corpus import VOCABULARY_SIZE, WORK, Documents, texts
from benchmarks.train import build_project

SIZES = {"tokenize": (1250, 5000, 20_000), "epoch": (640, 2560, 10_240), "length": (100, 400, 1600)}
TITLES = {
    "tokenize": "documents tokenized",
    "epoch": "documents of an epoch",
    "length": "tokens in each of 400 documents",
}


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("work", choices=SIZES)
    arguments.add_argument("size", type=int)
    chosen = arguments.parse_args()
    seconds = {"tokenize": tokenize, "epoch": epoch, "length": length}[chosen.work](chosen.size)
    own, workers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"value": seconds, "megabytes": max(own, workers) * 1024 / 1e6}))


def tokenize(documents: int) -> float:
    """The stage over a training split of `size` documents."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from config.tokenize import TokenizeParams
    from pipelines.tokenize import make_tokens

    with TemporaryDirectory(dir=WORK) as folder:
        raw = Path(folder) / "raw"
        raw.mkdir()
        found = texts(documents)
        rows = {"id": [str(number) for number in range(len(found))], "text": found, "label": [0] * len(found)}
        schema = pa.schema([("id", pa.string()), ("text", pa.string()), ("label", pa.int32())])
        pq.write_table(pa.table(rows, schema=schema), raw / "train.parquet", row_group_size=1000)
        card = {"splits": {"train": {}}, "name": "growth", "digest": "", "labels": ["a", "b"]}
        (raw / "card.json").write_text(json.dumps(card))
        started = time.perf_counter()
        make_tokens(TokenizeParams(max_tokens=400), Path(folder) / "tokens", raw)
        return time.perf_counter() - started


def epoch(documents: int) -> float:
    """One epoch over `size` documents of the corpus."""
    return _fit(Documents(documents))


class EquallyLong:
    """400 documents of the same length; no batch repeats the tokens of another."""

    def __init__(self, tokens: int) -> None:
        self.lengths = np.full(400, tokens, np.int32)
        self.labels = np.arange(400, dtype=np.int32) % 2
        self._tokens = np.random.default_rng(1).integers(2, VOCABULARY_SIZE, (400, tokens), dtype=np.int32)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """Tokens (batch, tokens) and lengths (batch,)."""
        return self._tokens[indices], self.lengths[indices]


def length(tokens: int) -> float:
    """One epoch over documents of `size` tokens."""
    return _fit(EquallyLong(tokens))


def _fit(documents: Any) -> float:
    from models import machine

    machine.prepare(1)
    from config.train import TrainParams
    from models.training.fit import fit
    from pipelines.train import as_lightning

    settings = TrainParams(epochs=1)
    module, trainer = as_lightning(build_project(bidirectional=True), settings)
    started = time.perf_counter()
    fit(trainer, module, documents, Documents(32), batch_size=32, seed=1, monitor="validation_loss")
    return time.perf_counter() - started


def draw(found: Mapping[str, Mapping[int, Mapping[str, float]]], folder: Path) -> None:
    """Draws growth.png: seconds and megabytes over size, one column per work."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.6), layout="constrained")
    rows = (("value", "seconds", "#0072b2"), ("megabytes", "peak MB", "#c94f00"))
    grid = figure.subplots(2, len(found), squeeze=False)
    for column, (work, points) in enumerate(found.items()):
        sizes = list(points)
        for row, (key, label, colour) in enumerate(rows):
            axes = grid[row][column]
            values = [points[size][key] for size in sizes]
            axes.plot(sizes, values, "o-", color=colour)
            axes.set(xlim=(-0.08 * max(sizes), max(sizes) * 1.1), ylim=(0, max(values) * 1.25))
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=8)
            axes.get_xticklabels()[0].set_ha("right")  # the first two stand close together
            for size, value in zip(sizes, values, strict=True):
                axes.annotate(f"{value:,.1f}" if row == 0 else f"{value:,.0f}", (size, value), (0, 6),
                              textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(axis="y", labelsize=8)
            if column == 0:
                axes.set_ylabel(label)
            if row == 1:
                axes.set_xlabel(TITLES[work])
    figure.savefig(folder / "growth.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
