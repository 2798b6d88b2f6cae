"""The long-term dependency problem, measured: `python -m commands.long_term_dependency PARAMS --lengths 10 100`.

Runs the stages download, tokenize, train and evaluate for each length, variant and seed, each length in a folder of its
own under reports/long_term_dependency/<name of PARAMS>/; every training is a run in the project's MLflow store. Writes
<name>.json with what was measured and <name>.png with the figure beside that folder, and prints the table.
PARAMS is a file like params.yaml, with temporal_order or first_token as data.name.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from rich.console import Console
from rich.table import Table

from analysis.drawing.render import panels_png
from analysis.long_term_dependency.panels import Training, panels, wrong
from config.params import Params, load, parse
from core import command_line, file_io, paths
from core.constants import LARGEST_ERROR
from core.errors import ParamsError
from core.paths import REPORTS, TOKENS
from models.classifier import TextClassifier
from models.inside.gradient_reach import gradient_reach
from outputs.trained_model import load_classifier
from pipelines.download import download
from pipelines.evaluate import evaluate
from pipelines.tokenize import make_tokens
from pipelines.train import train
from text.tokenizing.token_file import TokenStore

FOLDER = REPORTS / "long_term_dependency"
DOCUMENTS = 100  # test sequences over which the gradient's norms are averaged

# data.name: the key that the length stands for, and what it counts
LENGTHS = {
    "first_token": ("distractors", "symbols after the first"),
    "temporal_order": ("length", "length of the sequences, symbols"),
}
# Hochreiter and Schmidhuber 1997, table 10 and section 5.6, by task
PAPER = {"6a": "after 31,390 sequences", "6b": "after 571,100 sequences"}


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("params", type=Path, help="a file like params.yaml")
    arguments.add_argument("--lengths", type=int, nargs="+", required=True, help="of the sequences, in symbols")
    command_line.run(_main, arguments)


def _main(namespace: argparse.Namespace) -> None:
    name, params = namespace.params.stem, load(namespace.params)
    if params.data.name not in LENGTHS:
        raise ParamsError(f"{namespace.params}: data.name is {params.data.name!r}; allowed: {', '.join(LENGTHS)}")
    runs = [_with_length(params, length, namespace.params) for length in sorted(set(namespace.lengths))]
    trainings = [training for run in runs for training in measure(run, FOLDER / name)]
    file_io.write_json(FOLDER / f"{name}.json", [asdict(training) for training in trainings])
    with file_io.whole(FOLDER / f"{name}.png") as path:
        drawn = panels(trainings, LENGTHS[params.data.name][1])
        path.write_bytes(panels_png(drawn, params.compare.variants))
    Console().print(_table(params, trainings))


def _with_length(params: Params, length: int, path: Path) -> Params:
    """The same params for sequences of this length, checked."""
    content = params.model_dump()
    content["data"][params.data.name][LENGTHS[params.data.name][0]] = length
    return parse(content, path)


def measure(params: Params, folder: Path) -> Iterator[Training]:
    """Trains and evaluates all variants and seeds on sequences of one length, and looks at their gradients."""
    length = getattr(getattr(params.data, params.data.name), LENGTHS[params.data.name][0])
    os.environ.setdefault("DVC_ROOT", str(Path.cwd()))  # MLflow's store stays the project's
    place = folder / str(length)
    place.mkdir(parents=True, exist_ok=True)
    with chdir(place):
        download(params.data)
        make_tokens(params.tokenize)
    for variant in params.compare.variants:
        for seed in params.compare.seeds:
            with chdir(place):
                print(f"{params.data.name} {length}: {variant}, seed {seed}", flush=True)
                train(params, variant, seed)
                evaluate(params, variant, seed)
                measured = _training(variant, seed, length)
            yield measured


def _training(variant: str, seed: int, length: int) -> Training:
    """What the stages left behind of one training."""
    folder = paths.folder(variant, seed)
    config = file_io.read_json(folder / "config.json", made_by="train")
    history = file_io.read_json(folder / "history.json", made_by="train")
    metrics = file_io.read_json(folder / "metrics.json", made_by="evaluate")
    predictions = pq.read_table(folder / "predictions.parquet")
    probabilities = predictions["probabilities"].combine_chunks().flatten().to_numpy()
    labels = predictions["label"].to_numpy()
    train_rows = len(TokenStore.open(TOKENS / "train.arrow"))
    solved = [line["epoch"] for line in history if line["validation_solved"] == 1]
    torch.manual_seed(seed)  # as the stage train does it
    fresh = TextClassifier(config["vocabulary_size"], len(config["labels"]), **config["variant"])
    return Training(
        variant=variant,
        seed=seed,
        length=length,
        classes=len(config["labels"]),
        accuracy=metrics["accuracy"],
        wrong=wrong(labels, probabilities.reshape(len(labels), -1), LARGEST_ERROR),
        solved_after=solved[0] * train_rows if solved else None,
        initial=_reach(fresh),
        trained=_reach(load_classifier(config, folder / "model.safetensors")),
    )


def _reach(classifier: TextClassifier) -> list[float]:
    test = TokenStore.open(TOKENS / "test.arrow")
    chosen = np.arange(min(DOCUMENTS, len(test)))
    tokens, lengths = test.batch(chosen)
    labels = torch.from_numpy(test.labels[chosen].astype(np.int64))
    found: list[float] = gradient_reach(
        classifier, torch.from_numpy(tokens), torch.from_numpy(lengths.astype(np.int64)), labels
    ).tolist()
    return [float(f"{norm:.6g}") for norm in found]


def _table(params: Params, trainings: list[Training]) -> Table:
    section: Any = getattr(params.data, params.data.name)
    seen = section.train_rows * params.train.epochs_for(section.train_rows)
    task = f" {section.task}" if params.data.name == "temporal_order" else ""
    title = f"{params.data.name}{task}: {seen:,} training sequences seen at most"
    paper = f"; the paper: {PAPER[section.task]}, at most 3 of 2,560 wrong" if task else ""
    caption = f"right: all outputs err by less than 0.3; solved: all validation sequences right{paper}"
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in ("variant", "length", "seed", "accuracy", f"wrong of {section.test_rows:,}", "solved after"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for found in sorted(trainings, key=lambda training: params.compare.variants.index(training.variant)):
        solved = "–" if found.solved_after is None else f"{found.solved_after:,}"
        values = [
            found.variant,
            str(found.length),
            str(found.seed),
            f"{found.accuracy:.1%}",
            f"{found.wrong:,}",
            solved,
        ]
        table.add_row(*values)
    return table


if __name__ == "__main__":
    main()
