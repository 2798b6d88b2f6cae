"""Seconds and peak memory as the work grows. `python -m benchmarks.growth <work> <size>`.

tokenize: `size` documents through the stage tokenize. All others: an epoch of the BiLSTM over `size` documents of the
corpus (epoch), 400 documents of `size` tokens (length), 2,560 documents of the corpus in `size` classes (classes), or
2,560 documents of 200 tokens whose words are drawn from a vocabulary of `size` words (vocabulary).
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

from benchmarks.corpus import VOCABULARY_SIZE, WORK, Documents, texts, write_raw
from benchmarks.shape import Shape
from benchmarks.train import build_project

SIZES = {
    "tokenize": (1250, 5000, 20_000),
    "epoch": (640, 2560, 10_240),
    "length": (100, 400, 1600, 4000),
    "classes": (2, 32, 1000),
    "vocabulary": (10_000, 70_000, 500_000),
}
TITLES = {
    "tokenize": "documents tokenized",
    "epoch": "documents of an epoch",
    "length": "tokens in each of 400 documents",
    "classes": "classes (2,560 documents)",
    "vocabulary": "words (2,560 documents)",
}


def main() -> None:
    """Prints one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("work", choices=SIZES)
    arguments.add_argument("size", type=int)
    chosen = arguments.parse_args()
    works = {"tokenize": tokenize, "epoch": epoch, "length": length, "classes": classes, "vocabulary": vocabulary}
    seconds = works[chosen.work](chosen.size)
    own, workers = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps({"value": seconds, "megabytes": max(own, workers) * 1024 / 1e6}))


def tokenize(documents: int) -> float:
    """The stage over a training split of `size` documents."""
    from config.tokenize import TokenizeParams
    from pipelines.tokenize import make_tokens
    from text.tokenizing.words import WordTokenizer

    WordTokenizer("basic_english")(["a"])  # compiles the loops
    with TemporaryDirectory(dir=WORK) as folder:
        raw = Path(folder) / "raw"
        found = texts(documents)
        write_raw(raw, (found[start : start + 1000] for start in range(0, len(found), 1000)))
        started = time.perf_counter()
        make_tokens(TokenizeParams(max_tokens=400), Path(folder) / "tokens", raw)
        return time.perf_counter() - started


def epoch(documents: int) -> float:
    """An epoch over `size` documents of the corpus."""
    return _fit(Documents(documents))


class MadeUp:
    """Documents of the same length, in classes; words as Zipf's law has them, common ones first."""

    def __init__(self, documents: int, tokens: int, words: int = VOCABULARY_SIZE) -> None:
        generator = np.random.default_rng(1)
        self.lengths = np.full(documents, tokens, np.int32)
        self.labels = np.arange(documents, dtype=np.int32) % 2
        ranks = words ** generator.uniform(0, 1, (documents, tokens))  # density 1 / rank
        self._tokens = np.clip(ranks, 2, words - 1).astype(np.int32)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """Tokens (batch, tokens) and lengths (batch,)."""
        return self._tokens[indices], self.lengths[indices]


def length(tokens: int) -> float:
    """An epoch over documents of `size` tokens."""
    return _fit(MadeUp(400, tokens))


def classes(count: int) -> float:
    """An epoch over documents of `size` classes."""
    documents = Documents(2560)
    documents.labels = np.arange(2560, dtype=np.int32) % count
    return _fit(documents, classes=count)


def vocabulary(words: int) -> float:
    """An epoch over documents with `size` words."""
    return _fit(MadeUp(2560, 200, words), words=words)


def _fit(documents: Any, words: int = VOCABULARY_SIZE, classes: int = 2) -> float:
    """Seconds of the epoch with its last lazy updates, without the cold start."""
    from models import machine

    machine.prepare(1)
    from benchmarks.step_clock import StepClock
    from config.train import TrainParams
    from models.training.building import as_lightning
    from models.training.fit import fit

    classifier = build_project(Shape(bidirectional=True), words, classes)
    module, trainer = as_lightning(classifier, TrainParams(epochs=1))
    clock, validation = StepClock(), MadeUp(32, 10, words)
    fit(trainer, module, documents, validation, batch_size=32, seed=1, monitor="validation_loss", callbacks=[clock])
    return time.perf_counter() - clock.started


def slope(sizes: Any, values: Any) -> float:
    """The exponent of growth: 1 where twice the size takes twice as much, 0 where it takes the same."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def draw(points: Mapping[str, Mapping[int, Mapping[str, float]]], folder: Path) -> None:
    """Draws growth.png: seconds and megabytes over size, both logarithmic, one column per work."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, NullLocator

    figure = Figure(figsize=(3 * len(points), 5.2), layout="constrained")
    rows = (("value", "seconds", "#0072b2"), ("megabytes", "peak MB", "#c94f00"))
    grid = figure.subplots(2, len(points), squeeze=False)
    for column, (work, of_work) in enumerate(points.items()):
        sizes = list(of_work)
        for row, (key, label, colour) in enumerate(rows):
            axes = grid[row][column]
            values = [of_work[size][key] for size in sizes]
            axes.plot(sizes, values, "o-", color=colour)
            axes.set(xscale="log", yscale="log", xlim=(min(sizes) / 1.8, max(sizes) * 1.8))
            axes.set_ylim(min(values) / 3, max(values) * 3)
            axes.xaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes], fontsize=8)
            for size, value in zip(sizes, values, strict=True):
                axes.annotate(f"{value:,.2g}" if value < 10 else f"{value:,.0f}", (size, value), (0, 7),
                              textcoords="offset points", ha="center", fontsize=8)  # fmt: skip
            axes.set_title(f"slope {slope(sizes, values):.2f}", fontsize=9, loc="right")
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(axis="y", labelsize=8)
            if column == 0:
                axes.set_ylabel(label)
            if row == 1:
                axes.set_xlabel(TITLES[work], fontsize=9)
    figure.savefig(folder / "growth.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
