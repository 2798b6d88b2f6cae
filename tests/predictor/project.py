"""A small project with trained models, made in one process: what the predictor, predict and export work with."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from commands.register import register_models
from config.params import Params, load
from pipelines.compare import compare_and_log
from pipelines.download import download
from pipelines.evaluate import evaluate
from pipelines.match import match
from pipelines.reference import make_references
from pipelines.tokenize import make_tokens
from pipelines.train import train
from pipelines.tune import tune
from predictor.files import find_training
from tests.once import made_once

ROOT = Path(__file__).parents[2]
VARIANTS = {
    "bilstm": {"cell": "lstm", "bidirectional": True, "hidden_size": 6, "embedding_size": 5},
    "gru2": {
        **{"cell": "gru", "layers": 2, "hidden_size": 4, "embedding_size": 5},
        **{"segment": 7, "pooling": ["max", "mean"], "head_size": 3, "word_dropout": 0.1, "weight_drop": 0.1},
    },
}
PHRASES = {"dull": "A tedious, empty film", "fair": "Nothing more than decent", "fine": "What a lovely surprise"}


def rows() -> list[tuple[str, str]]:
    """(text, label) of 150 documents of unequal length, among them empty and blank ones."""
    made = [
        (f"{phrase}! Number {number % 7}" + " and so on" * (number % 11), label)
        for number in range(48)
        for label, phrase in PHRASES.items()
    ]
    return (
        made
        + [("", "dull"), (" \t ", "fair"), ("<br /><br />", "fine"), ("ÉTÉ İ ﬃ 영화", "dull")]
        + [("…", "fair")] * 2
    )


@contextmanager
def project_in(folder: Path, changes: dict[str, dict[str, Any]], seeds: list[int]) -> Iterator[Params]:
    """A project as `make_project` makes it, in `folder`, which is the working directory meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield make_project(changes, seeds)


def registered_project(temporary: pytest.TempPathFactory) -> Path:
    """A project with two seeds and a comparison in MLflow, whose champion is bilstm, seed 1; made once a session."""
    return made_once(temporary, "registered", _make_registered)


def _make_registered(folder: Path) -> None:
    with project_in(folder, {}, [1, 2]) as params:
        make_references(params)
        compare_and_log(params)
        register_models(params, [find_training("bilstm", 1)])


def call(module: Any, *arguments: str, stdin: bytes = b"") -> Any:
    """What the command line of `module` ends with: 0, or the line of an error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["command", *arguments])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            module.main()
    return ended.value.code


def make_project(changes: dict[str, dict[str, Any]], seeds: list[int]) -> Params:
    """Makes params.yaml with `changes` by section in the working directory, and runs all stages up to evaluate."""
    texts, labels = zip(*rows(), strict=True)
    pq.write_table(pa.table({"text": texts, "label": labels}), "reviews.parquet")
    content: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    content["data"] |= {"name": "custom", "source": "reviews.parquet"}
    content["tokenize"] |= {"max_tokens": 20, "min_freq": 1}
    content["variants"] = VARIANTS
    content["train"] |= {"epochs": 1}
    content["compare"] |= {"variants": list(VARIANTS), "seeds": seeds, "baseline": "gru2"}
    for section, values in changes.items():
        content[section] |= values
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(content, file)
    params = load()
    download(params.data)
    make_tokens(params.tokenize)
    match(params)
    for variant in params.compare.variants:
        tune(params, variant)
        for seed in seeds:
            train(params, variant, seed)
            evaluate(params, variant, seed)
    return params
