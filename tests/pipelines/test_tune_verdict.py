"""After equal searches two variants that differ by name alone get no verdict."""

import json
import shutil
from pathlib import Path

import pytest

from config.params import load
from core.paths import REPORTS
from pipelines.compare import compare
from pipelines.evaluate import evaluate
from pipelines.reference import make_references
from pipelines.train import train
from tests.analysis.synthetic import draw_nothing
from tests.pipelines.project import enter


def test_an_a_a_comparison_ends_without_a_verdict(tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(Path(shutil.copytree(tuned, tmp_path / "project")), monkeypatch)
    draw_nothing(monkeypatch)
    params = load()
    for variant, seed in params.compare.trainings():
        train(params, variant, seed)
        evaluate(params, variant, seed)
    make_references(params)
    result = compare(params)
    assert "It is unclear whether twin or lstm is better" in result.verdict.sentence
    assert "after equal tuning, 3 trials each: 0.0 points of test accuracy" in result.verdict.sentence
    difference = json.loads((REPORTS / "comparison.json").read_text())["differences"]["twin"]["accuracy"]
    assert (difference["value"], difference["p_value"]) == (0.0, 1.0)
