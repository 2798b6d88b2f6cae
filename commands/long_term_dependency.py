"""Measures the long-term dependency problem. `python -m commands.long_term_dependency PARAMS --lengths 10 100`.

PARAMS is a file like params.yaml with temporal_order or first_token as data.name. Runs the stages download to evaluate
for each length, below reports/long_term_dependency/<name of PARAMS>/<length>/; every training is a run in the project's
MLflow store. Writes <name>.json with the measurements and <name>.png with the figure beside that folder, and prints the
table.
"""

from collections.abc import Iterator
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
from core.errors import ParamsError
from core.paths import RAW, REPORTS, TOKENS
from models.classifier import TextClassifier
from models.inside.gradient_reach import gradient_reach
from outputs.checkpoints import Checkpoints
from outputs.token_files import open_splits
from outputs.trained_model import load_classifier, new_classifier, read_config
from pipelines.download import download
from pipelines.evaluate import evaluate
from pipelines.match import match
from pipelines.tokenize import make_tokens
from pipelines.train import train
from pipelines.tune import tune
from text.tokenizing.token_file import TokenizedDocuments

FOLDER = REPORTS / "long_term_dependency"
DOCUMENTS = 100  # test sequences over which the gradient's norms are averaged

# data.name: the key of the length, and the axis label of the figure
LENGTHS = {
    "first_token": ("distractors", "symbols after the first"),
    "temporal_order": ("length", "sequence length, symbols"),
}
# Hochreiter and Schmidhuber 1997, table 10 and section 5.6, by task
PAPER = {"6a": "after 31,390 sequences", "6b": "after 571,100 sequences"}


def main() -> None:
    """The command line."""
    arguments = command_line.parser(__doc__)
    arguments.add_argument("params", type=Path, help="a file like params.yaml")
    arguments.add_argument("--lengths", type=int, nargs="+", required=True, help="of the sequences, in symbols")
    command_line.run(lambda namespace: study(namespace.params, sorted(set(namespace.lengths))), arguments)


def study(path: Path, lengths: list[int]) -> None:
    """Measures all `lengths`; writes and prints the results."""
    name, params = path.stem, load(path)
    if params.data.name not in LENGTHS:
        raise ParamsError(f"{path}: data.name is {params.data.name!r}; allowed: {', '.join(LENGTHS)}")
    if params.compare.settings:
        raise ParamsError(f"{path}: compare.settings has settings, which this study does not compare; allowed: []")
    if params.pretrain.objective != "none":
        raise ParamsError(f"{path}: pretrain.objective is {params.pretrain.objective!r}; allowed in this study: none")
    if params.train.devices == "auto":
        raise ParamsError(f"{path}: train.devices is 'auto'; allowed in this study: a number")
    studies = [with_length(params, length, path) for length in lengths]  # refuses a wrong length before any work
    trainings = [training for study in studies for training in measure(study, FOLDER / name)]
    file_io.write_json(FOLDER / f"{name}.json", [asdict(training) for training in trainings])
    with file_io.whole(FOLDER / f"{name}.png") as figure:
        drawn = panels(trainings, LENGTHS[params.data.name][1])
        figure.write_bytes(panels_png(drawn, params.compare.variants))
    Console().print(results_table(params, trainings))


def with_length(params: Params, length: int, path: Path) -> Params:
    """The same params for sequences of this length, checked; `path` is named in errors."""
    content = params.model_dump()
    content["data"][params.data.name][LENGTHS[params.data.name][0]] = length
    return parse(content, path)


def measure(params: Params, folder: Path) -> Iterator[Training]:
    """Trains and evaluates every variant and seed on sequences of one length, below `folder`/<length>."""
    length = getattr(getattr(params.data, params.data.name), LENGTHS[params.data.name][0])
    root = folder / str(length)
    download(params.data, root / RAW)
    make_tokens(params.tokenize, root / TOKENS, root / RAW)
    match(params, root)
    for variant in params.compare.variants:
        tune(params, variant, root)
    for variant, seed in params.compare.trainings():
        print(f"{params.data.name} {length}: {variant}, seed {seed}", flush=True)
        signature = train(params, variant, seed, root)
        evaluate(params, variant, seed, root)
        Checkpoints(signature).remove()
        yield read_training(root, variant, seed, length)


def read_training(root: Path, variant: str, seed: int, length: int) -> Training:
    """What one training reached, from the outputs of the stages, and how far its gradients reach."""
    folder = paths.folder(variant, seed, root)
    config = read_config(folder, root)
    history = file_io.read_json(folder / "history.json", made_by="train")
    metrics = file_io.read_json(folder / "metrics.json", made_by="evaluate")
    predictions = pq.read_table(folder / "predictions.parquet")
    probabilities = predictions["probabilities"].combine_chunks().flatten().to_numpy()
    labels = predictions["label"].to_numpy()
    train_split, test = (open_splits([split], config["tokens"], root) for split in ("train", "test"))
    solved = [line["epoch"] for line in history if line["validation_solved"] == 1]
    torch.manual_seed(seed)  # as in the stage train, so that the classifier starts with the same weights
    untrained = new_classifier(config)
    trained = load_classifier(config, folder / "model.safetensors")
    untrained.embedding.shares = trained.embedding.shares  # words' frequencies, which are not learned
    return Training(
        variant=variant,
        seed=seed,
        length=length,
        classes=len(config["labels"]),
        accuracy=metrics["accuracy"],
        wrong=wrong(labels, probabilities.reshape(len(labels), -1)),
        solved_after=solved[0] * len(train_split) if solved else None,
        initial=_reach(untrained, test),
        trained=_reach(trained, test),
    )


def _reach(classifier: TextClassifier, test: TokenizedDocuments) -> list[float]:
    """The gradient's norm at each distance from the end of the first test sequences."""
    first = np.arange(min(DOCUMENTS, len(test)))
    tokens, lengths = test.batch(first)
    labels = torch.from_numpy(test.labels[first].astype(np.int64))
    norms: list[float] = gradient_reach(
        classifier, torch.from_numpy(tokens), torch.from_numpy(lengths.astype(np.int64)), labels
    ).tolist()
    return [float(f"{norm:.6g}") for norm in norms]


def results_table(params: Params, trainings: list[Training]) -> Table:
    """A line for each training, in the order of compare.variants."""
    section: Any = getattr(params.data, params.data.name)
    seen = section.train_rows * params.train.epochs_for(section.train_rows, trainings[0].classes)
    task = f" {section.task}" if params.data.name == "temporal_order" else ""
    title = f"{params.data.name}{task}: at most {seen:,} training sequences seen"
    paper = f"; the paper: {PAPER[section.task]}, at most 3 of 2,560 wrong" if task else ""
    caption = f"wrong: an output is off by 0.3 or more; solved: no validation sequence is wrong{paper}"
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for column in ("variant", "length", "seed", "accuracy", f"wrong of {section.test_rows:,}", "solved after"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for training in sorted(trainings, key=lambda training: params.compare.variants.index(training.variant)):
        solved = "–" if training.solved_after is None else f"{training.solved_after:,}"
        counts = (f"{training.accuracy:.1%}", f"{training.wrong:,}", solved)
        table.add_row(training.variant, str(training.length), str(training.seed), *counts)
    return table


if __name__ == "__main__":
    main()
