"""What reading in pieces, dropout and averages cost on the CPU. `python -m benchmarks.regularisation`.

Takes training steps of this project's LSTM (or, with `--bilstm`, a bidirectional one) on made-up documents with IMDB's
lengths, in turn with each option, and prints the CPU time of a step, of all cores together: the shortest of the
turns. It does not count waiting, so other work on the machine disturbs it less than a clock.
"""

import argparse
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.corpus import LENGTHS, PERCENTILES, VOCABULARY_SIZE
from config.variants import VariantParams
from models import machine
from models.averaging import Share
from models.classifier import TextClassifier
from models.cpu.adamw import RowwiseAdamW
from models.training.clipping import clip

BATCH_SIZE, STEPS, TURNS, LONGEST = 32, 10, 4, 400
OPTIONS: dict[str, dict[str, Any]] = {  # keys of variants, and the last two of train
    "plain": {},
    "segment: 50": {"segment": 50},
    "pooling: [max, mean]": {"pooling": ["max", "mean"]},
    "head_size: 64": {"head_size": 64},
    "word_dropout: 0.1": {"word_dropout": 0.1},
    "embedding_dropout: 0.3": {"embedding_dropout": 0.3},
    "embedding_dropout: 0.3, locked_dropout: true": {"embedding_dropout": 0.3, "locked_dropout": True},
    "weight_drop: 0.3": {"weight_drop": 0.3},
    "label_smoothing: 0.1": {"label_smoothing": 0.1},
    "averaging: ema": {"averaging": "ema"},
}

Batch = tuple[Tensor, Tensor, Tensor]  # tokens (batch, time), lengths and labels (batch,)


class Training:
    """A classifier with one option."""

    def __init__(self, bilstm: bool, option: dict[str, Any]) -> None:
        keys = dict(option)
        self._smoothing = keys.pop("label_smoothing", 0.0)
        averaging = Share(keys.pop("averaging"), 0.999, STEPS * TURNS) if "averaging" in keys else None
        variant = VariantParams.model_validate({"cell": "lstm", "bidirectional": bilstm, **keys})
        self._classifier = TextClassifier(VOCABULARY_SIZE, 2, **variant.model_dump())
        embedding = self._classifier.embedding
        self._optimizer = RowwiseAdamW(
            self._classifier.parameters(), lr=0.001, weight_decay=0.0, lazy=embedding, averaging=averaging
        )

    def seconds_a_step(self, batches: list[Batch]) -> float:
        """CPU time of a step."""
        started = time.process_time()
        for tokens, lengths, labels in batches:
            loss = cross_entropy(self._classifier(tokens, lengths), labels, label_smoothing=self._smoothing)
            torch.autograd.backward(loss)
            clip(self._optimizer, 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad()
        return (time.process_time() - started) / len(batches)


def make_batches() -> list[Batch]:
    """Batches of documents of similar length, whose words are as frequent as in a language (Zipf's law)."""
    random = np.random.default_rng(1)
    lengths = np.interp(random.uniform(0, 100, BATCH_SIZE * STEPS), PERCENTILES, LENGTHS).clip(max=LONGEST)
    chances = 1 / (np.arange(VOCABULARY_SIZE - 2) + 2.7)
    batches = []
    for part in np.split(np.sort(lengths).astype(np.int64), STEPS):
        tokens = 2 + random.choice(len(chances), (BATCH_SIZE, part.max()), p=chances / chances.sum()).astype(np.int32)
        tokens[np.arange(part.max()) >= part[:, None]] = 1
        labels = random.integers(0, 2, BATCH_SIZE)
        batches.append((torch.from_numpy(tokens), torch.from_numpy(part), torch.from_numpy(labels)))
    return batches


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--bilstm", action="store_true")
    chosen = arguments.parse_args()
    machine.prepare(1)
    torch.manual_seed(1)
    batches = make_batches()
    trainings = {name: Training(chosen.bilstm, option) for name, option in OPTIONS.items()}
    turns = [
        {name: training.seconds_a_step(batches) for name, training in trainings.items()}
        for _ in range(1 + TURNS)  # the first one compiles
    ]
    seconds = {name: min(turn[name] for turn in turns[1:]) for name in OPTIONS}
    print("| option | CPU ms a step | rate |\n| --- | --: | --: |")
    for name, own in seconds.items():
        print(f"| `{name}` | {1000 * own:.0f} | {seconds['plain'] / own:.0%} |")


if __name__ == "__main__":
    main()
