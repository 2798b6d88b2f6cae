"""A small project with trained models, made in one process: what the predictor, predict and export work with."""

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands.register import register_models
from config.params import Params
from pipelines.compare import compare_and_log
from pipelines.reference import make_references
from predictor.files import find_training
from tests.analysis.synthetic import draw_nothing
from tests.once import made_once
from tests.pipelines.prepared import prepare, train_all
from tests.pipelines.project import enter, make_own

ROOT = Path(__file__).parents[2]
VARIANTS = {
    "bilstm": {"cell": "lstm", "bidirectional": True, "hidden_size": 6, "embedding_size": 5},
    "gru2": {
        **{"cell": "gru", "layers": 2, "hidden_size": 4, "embedding_size": 5},
        **{"segment": 7, "pooling": ["max", "mean"], "head_size": 3, "word_dropout": 0.1, "weight_drop": 0.1},
        "embedding_normalization": "frequency",
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
def project_in(folder: Path, changes: dict[str, Any], seeds: list[int]) -> Iterator[Params]:
    """A project after evaluate in `folder`, which is the working directory meanwhile.

    Args:
        folder: empty.
        changes: of params.yaml, by dotted names.
        seeds: of the trainings.
    """
    texts, labels = zip(*rows(), strict=True)
    pq.write_table(pa.table({"text": texts, "label": labels}), folder / "reviews.parquet")
    compare = {"compare.variants": list(VARIANTS), "compare.baseline": "gru2", "compare.seeds": seeds}
    own = {"data.name": "custom", "data.source": "reviews.parquet", "variants": VARIANTS, "train.epochs": 1, **compare}
    with pytest.MonkeyPatch.context() as patch:
        make_own(folder, {**own, "tokenize.max_tokens": 20, "tokenize.min_freq": 1, **changes}, patch)
        params = prepare()
        train_all(params)
        yield params


@contextmanager
def copy_of_registered(temporary: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of `registered_project`, which is the working directory meanwhile."""
    folder = temporary.mktemp("copied") / "project"
    shutil.copytree(registered_project(temporary), folder)
    with pytest.MonkeyPatch.context() as patch:
        enter(folder, patch)
        yield folder


def registered_project(temporary: pytest.TempPathFactory) -> Path:
    """A project with two seeds and a comparison in MLflow, whose champion is bilstm, seed 1; made once a session."""
    return made_once(temporary, "registered", _make_registered)


def _make_registered(folder: Path) -> None:
    with project_in(folder, {}, [1, 2]) as params, pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
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
