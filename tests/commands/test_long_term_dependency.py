"""The problem, measured on tiny sequences through the real stages: what is written is what was measured."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from commands.long_term_dependency import measure, results_table, study, with_length
from config.params import Params, load
from core.errors import ParamsError

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


def tiny(path: Path, name: str) -> Params:
    size = {"hidden_size": 8, "embedding_size": 4, "pooling": "last", "initialization": "pytorch"}
    rows = {"train_rows": 400, "validation_rows": 40, "test_rows": 60}
    content = {
        "data": {"name": name, name: rows},
        "tokenize": {"tokenizer": "whitespace", "max_tokens": 1000},
        "variants": {"rnn": {"cell": "rnn", **size}, "bigru": {"cell": "gru", "bidirectional": True, **size}},
        "train": {"epochs": 3, "batch_size": 8, "learning_rate": 0.03},
        "compare": {"variants": ["rnn", "bigru"], "seeds": [1], "baseline": "rnn"},
    }
    with path.open("w") as file:
        YAML().dump(content, file)
    return load(path)


def test_a_short_first_token_is_learned_in_both_directions_and_a_distant_one_in_the_backward_one_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    params = tiny(tmp_path / "tiny.yaml", "first_token")
    runs = [with_length(params, length, tmp_path / "tiny.yaml") for length in (8, 120)]
    trainings = [training for run in runs for training in measure(run, Path("made"))]
    assert [(training.variant, training.length) for training in trainings] == [
        ("rnn", 8),
        ("bigru", 8),
        ("rnn", 120),
        ("bigru", 120),
    ]
    near, _, far, both = trainings
    assert (both.accuracy, both.wrong) == (1.0, 0)
    assert both.solved_after in (400, 800, 1200)
    assert far.accuracy < 0.7
    assert far.solved_after is None
    assert near.accuracy > far.accuracy
    # Why: before training almost nothing of the loss reaches the first token of a long sequence.
    assert len(far.initial) == 121
    assert far.initial[120] < 1e-12 * far.initial[0]
    assert both.initial[120] > 1e-3 * both.initial[0]

    history = json.loads(Path("made/8/results/rnn/seed-1/history.json").read_text())
    solved = [line["epoch"] for line in history if line["validation_solved"] == 1]
    assert near.solved_after == (solved[0] * 400 if solved else None)
    predictions = pq.read_table("made/120/results/rnn/seed-1/predictions.parquet").to_pylist()
    unsure = sum(row["probabilities"][row["label"]] <= 0.7 for row in predictions)
    assert far.wrong == pytest.approx(unsure, abs=1)  # with two classes both outputs err by as much
    assert Path("mlflow.db").exists()

    table = results_table(params, trainings)
    assert table.row_count == 4


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_params_are_right_and_the_recipe_names_them(path: Path) -> None:
    params = load(path)
    assert params.data.name in ("first_token", "temporal_order")
    assert f"recipes/{path.name}" in (ROOT / "recipes/long_term_dependency.sh").read_text()


@pytest.mark.parametrize(("section", "values", "line"), [
    ("compare", {"settings": [{"learning_rate": 0.01}]}, "compare.settings has settings, which this study does not"),
    ("train", {"devices": "auto"}, "train.devices is 'auto'; allowed in this study: a number"),
])  # fmt: skip
def test_what_the_study_would_ignore_is_refused(
    section: str, values: dict[str, Any], line: str, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.yaml"
    tiny(path, "temporal_order")
    content = YAML(typ="safe").load(path)
    content[section] |= values
    YAML(typ="safe").dump(content, path)
    with pytest.raises(ParamsError, match=line):
        study(path, [100])


def test_a_length_that_is_cut_by_max_tokens_is_refused(tmp_path: Path) -> None:
    params = tiny(tmp_path / "tiny.yaml", "temporal_order")
    with pytest.raises(
        ParamsError, match=r"tokenize.max_tokens is 1000, but data.temporal_order has sequences of 1100"
    ):
        with_length(params, 1000, tmp_path / "tiny.yaml")
