"""What reading in pieces, dropout and averages cost on the CPU. `python -m benchmarks.regularisation`.

Trains this project's LSTM (or, with `--bilstm`, a bidirectional one) on made-up documents with IMDB's lengths and the
word frequencies of a language, in turn with each option, and prints a table: real tokens a second, median of the
turns, and their share of the plain rate. Steps only, without compilation and validation.
"""

import argparse
import contextlib
import io
from typing import Any

import numpy as np

from benchmarks.corpus import LENGTHS, PERCENTILES, VOCABULARY_SIZE
from benchmarks.train import step_clock
from config.train import TrainParams
from config.variants import VariantParams
from models import machine

BATCH_SIZE = 32
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # keys of variants and of train
    "plain": ({}, {}),
    "segment: 50": ({"segment": 50}, {}),
    "pooling: [max, mean]": ({"pooling": ["max", "mean"]}, {}),
    "head_size: 64": ({"head_size": 64}, {}),
    "word_dropout: 0.1": ({"word_dropout": 0.1}, {}),
    "embedding_dropout: 0.3": ({"embedding_dropout": 0.3}, {}),
    "embedding_dropout: 0.3, locked": ({"embedding_dropout": 0.3, "locked_dropout": True}, {}),
    "weight_drop: 0.3": ({"weight_drop": 0.3}, {}),
    "label_smoothing: 0.1": ({}, {"label_smoothing": 0.1}),
    "averaging: ema": ({}, {"averaging": "ema"}),
    "batch_tokens: 7400": ({}, {"batch_tokens": 7400}),
}


class Documents:
    """`count` documents of at most `longest` tokens, as text.batches reads them."""

    def __init__(self, count: int, longest: int) -> None:
        random = np.random.default_rng(1)
        self.lengths = np.interp(random.uniform(0, 100, count), PERCENTILES, LENGTHS).clip(max=longest).astype(np.int32)
        self.labels = random.integers(0, 2, count).astype(np.int32)
        self._starts = np.cumsum(self.lengths) - self.lengths
        chances = 1 / (np.arange(VOCABULARY_SIZE - 2) + 2.7)
        tokens = random.choice(len(chances), int(self.lengths.sum()), p=chances / chances.sum())
        self._tokens = (tokens + 2).astype(np.int32)

    def batch(self, indices: Any) -> tuple[Any, Any]:
        """Right-padded tokens (batch, longest) and lengths (batch,)."""
        lengths = self.lengths[indices]
        padded = np.ones((len(indices), lengths.max()), np.int32)
        for row, index in enumerate(indices):
            start = self._starts[index]
            padded[row, : lengths[row]] = self._tokens[start : start + lengths[row]]
        return padded, lengths


def rate(documents: Documents, model: dict[str, Any], train: dict[str, Any]) -> float:
    """Real tokens a second of the second epoch's steps."""
    from models.classifier import TextClassifier
    from models.training.fit import fit
    from pipelines.train import as_lightning

    settings = TrainParams.model_validate({"epochs": 2, **train})
    variant = VariantParams.model_validate({"cell": "lstm", **model})
    classifier = TextClassifier(VOCABULARY_SIZE, 2, **variant.model_dump())
    module, trainer = as_lightning(classifier, settings)
    clock, sizes = step_clock(), {"batch_size": BATCH_SIZE}
    sizes |= {"batch_tokens": tokens} if (tokens := train.get("batch_tokens")) else {}
    with contextlib.redirect_stdout(io.StringIO()):  # the epochs' lines
        fit(
            trainer, module, documents, Documents(BATCH_SIZE, 100), **sizes, seed=1, monitor="validation_loss",
            callbacks=[clock],
        )  # fmt: skip
    return float(documents.lengths.sum() / clock.seconds)


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--bilstm", action="store_true")
    arguments.add_argument("--hidden", type=int, default=64)
    arguments.add_argument("--tokens", type=int, default=400, help="of the longest documents")
    arguments.add_argument("--documents", type=int, default=1280)
    arguments.add_argument("--turns", type=int, default=3)
    arguments.add_argument("--only", action="append", choices=list(OPTIONS), help="default: all")
    chosen = arguments.parse_args()
    machine.prepare(1)
    documents = Documents(chosen.documents, chosen.tokens)
    same = {"bidirectional": chosen.bilstm, "hidden_size": chosen.hidden}
    names = chosen.only or list(OPTIONS)
    rates: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(chosen.turns):
        for name in names:
            model, train = OPTIONS[name]
            rates[name].append(rate(documents, {**same, **model}, train))
    plain = float(np.median(rates[names[0]]))
    print("| option | thousand tokens/s | share |\n| --- | --: | --: |")
    for name in names:
        median = float(np.median(rates[name]))
        print(f"| {name} | {median / 1000:,.0f} | {median / plain:.0%} |")


if __name__ == "__main__":
    main()
