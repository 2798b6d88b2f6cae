"""What normalization, dropout and adversarial steps cost on a CPU. `python -m benchmarks.adversarial [--hidden 64]`.

For each way to train, the table has thousands of tokens per second, counted anew in each pass over the data; the same
per second of processor time of all threads, which other work on the machine hardly changes; both also as a share of the
plain way's; and milliseconds per step. A pass reads the labelled documents once forward and once backward. Padding does
not count.
`DATASETS=<folder with aclImdb_v1.tar.gz>` chooses IMDB.
"""

import argparse
from typing import Any

from benchmarks.corpus import VOCABULARY_SIZE, Documents, prepare

NORMALIZED = {"embedding_normalization": "frequency"}
LABELLED, VIRTUAL = {"adversarial": {"kind": "labelled"}}, {"adversarial": {"kind": "virtual"}}
# name: keys of the variant, keys of train, passes
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "plain": ({}, {}, 1),
    "dropout": ({"embedding_dropout": 0.3}, {}, 1),
    "normalized": (NORMALIZED, {}, 1),
    "normalized, dropout": (NORMALIZED | {"embedding_dropout": 0.3}, {}, 1),
    "adversarial": (NORMALIZED, LABELLED, 2),
    "adversarial, dropout": (NORMALIZED | {"embedding_dropout": 0.3}, LABELLED, 2),
    "virtual": (NORMALIZED, VIRTUAL, 3),
}


def main() -> None:
    """Prints a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--hidden", type=int, default=64)
    arguments.add_argument("--embedding", type=int, default=128)
    arguments.add_argument("--batch", type=int, default=32)
    arguments.add_argument("--steps", type=int, default=30)
    arguments.add_argument("--variants", default="lstm,bilstm")
    arguments.add_argument("--ways", default=";".join(WAYS), help="separated by ;")
    chosen = arguments.parse_args()
    print(prepare())
    from models import machine

    machine.prepare(1)
    documents = Documents(chosen.steps * chosen.batch)
    for variant in chosen.variants.split(","):
        first: list[float] = []
        for name in chosen.ways.split(";"):
            model, train, passes = WAYS[name]
            sizes = {"hidden_size": chosen.hidden, "embedding_size": chosen.embedding}
            seconds = measure(documents, {"bidirectional": variant == "bilstm", **sizes, **model}, train, chosen.batch)
            rates = [passes * float(documents.lengths.sum()) / each for each in seconds]
            first = first or rates
            shown = [
                f"{rate / 1000:8.0f} {100 * rate / plain:4.0f} %" for rate, plain in zip(rates, first, strict=True)
            ]
            print(f"{variant:7} {name:22} {' '.join(shown)} {1000 * seconds[0] / chosen.steps:8.1f} ms", flush=True)


def measure(documents: Documents, model: dict[str, Any], train: dict[str, Any], batch_size: int) -> tuple[float, float]:
    """Seconds of the second of two epochs: on the clock, and of processor time."""
    import torch

    from benchmarks.step_clock import StepClock
    from config.train import TrainParams
    from config.variants import VariantParams
    from models.classifier import TextClassifier
    from models.training.building import as_lightning
    from models.training.fit import fit

    variant = VariantParams.model_validate({"cell": "lstm", "initialization": "pytorch"} | model)
    torch.manual_seed(1)
    classifier = TextClassifier(VOCABULARY_SIZE, 2, **variant.model_dump())
    settings = TrainParams.model_validate({"epochs": 2, "batch_size": batch_size} | train)
    module, trainer = as_lightning(classifier, settings)
    trainer.callbacks.pop(0)  # type: ignore[attr-defined]  # the lines of the epochs
    clock, few = StepClock(), Documents(batch_size)
    fit(trainer, module, documents, few, batch_size=batch_size, seed=1, monitor="validation_loss", callbacks=[clock])
    return clock.seconds, clock.cpu_seconds


if __name__ == "__main__":
    main()
