"""The report where classes are many, as in banking77: what matters is shown, and nothing is out of reach."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.comparison.confusions import Pair, classes_to_show, most_confused
from analysis.comparison.slices import LABEL, most_telling
from analysis.drawing.confusion_figures import SHOWN_CLASSES, SHOWN_PAIRS
from analysis.drawing.panels import Panel
from analysis.drawing.render import panel_svg
from analysis.report.figures import MOST_LABELS, figures
from analysis.report.result import Result
from core import paths
from pipelines.compare import compare
from tests.analysis.synthetic import draw_no_png, write_experiment

CLASSES = 77
EACH = 40  # test documents of a class
CONFUSED = (5, 6)  # of the first most documents are taken for the second, by both variants
GAINED, LOST = 20, 30  # classes which the second variant alone recognizes, and the first alone
NAMES = tuple(f"{index:02}_card_payment_is_declined" for index in range(CLASSES))


def write_predictions(variant: str, seed: int, labels: np.ndarray, ids: list[str]) -> None:
    """Right but for 10 %, which are taken for any class, and for the classes above."""
    rng = np.random.default_rng([len(variant), seed])
    predicted = np.where(rng.random(len(labels)) < 0.1, rng.integers(0, CLASSES, len(labels)), labels)
    wrong = (labels == CONFUSED[0]) & (rng.random(len(labels)) < 0.7)
    predicted[wrong] = CONFUSED[1]
    missed = (labels == (GAINED if variant == "lstm" else LOST)) & (rng.random(len(labels)) < 0.5)
    predicted[missed] = rng.integers(0, CLASSES, missed.sum())
    probabilities = np.full((len(labels), CLASSES), 0.1 / (CLASSES - 1))
    probabilities[np.arange(len(labels)), predicted] = 0.9
    columns = {"id": ids, "label": pa.array(labels, pa.int32())}
    columns["probabilities"] = pa.array(probabilities.tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table(columns), paths.folder(variant, seed) / "predictions.parquet")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def result(project: Path) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        draw_no_png(patch)
        params = write_experiment(["lstm", "bilstm"], [1, 2], NAMES, documents=CLASSES * EACH, equal=True)
        test = pq.read_table(paths.RAW / "test.parquet")
        for variant in params.compare.variants:
            for seed in params.compare.seeds:
                write_predictions(variant, seed, test["label"].to_numpy(), test["id"].to_pylist())
        return compare(params)


def texts(panel: Panel) -> list[str]:
    root = ElementTree.fromstring(panel_svg(panel))
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def panel(result: Result, name: str, title: str) -> Panel:
    drawn = figures(result.experiment, result.comparison, result.slices)[name]
    return next(panel for panel in drawn if panel.title.startswith(title))


def test_the_labels_whose_recall_differs_most_are_shown_the_largest_gain_first(result: Result) -> None:
    shown = most_telling(result.slices[LABEL], MOST_LABELS)

    assert len(shown) == MOST_LABELS
    assert (shown[0].value, shown[-1].value) == (NAMES[GAINED], NAMES[LOST])
    assert panel(result, "slices", "by label").title == "by label: 12 of 77, the largest gaps"


def test_a_lone_variants_labels_are_those_that_it_reads_worst(result: Result) -> None:
    alone = [
        type(part)(part.column, part.value, part.documents, {"lstm": part.scores["lstm"]})
        for part in result.slices[LABEL]
    ]

    shown = most_telling(alone, 2)

    assert {part.value for part in shown} == {NAMES[CONFUSED[0]], NAMES[GAINED]}


def test_no_class_is_left_out_of_the_page_and_of_the_rows_for_dvc(result: Result, project: Path) -> None:
    rows = json.loads((project / paths.REPORTS / "plots" / "slices.json").read_text(encoding="utf-8"))
    html = (project / paths.REPORTS / "comparison.html").read_text(encoding="utf-8")

    assert {row["value"] for row in rows if row["column"] == LABEL} == set(NAMES)
    assert "Accuracy on each of the 77 labels" in html
    assert all(f"<th>{name}<small>40 documents</small></th>" in html for name in NAMES)
    assert len(html) < 600_000


def test_the_most_confused_pair_comes_first_and_its_classes_stand_in_every_matrix(result: Result) -> None:
    named = [text[:4] for text in texts(panel(result, "confusion", "most confused")) if "card" in text]
    assert len(named) == 2 * SHOWN_PAIRS
    assert named[:2] == ["05_c", "→ 06"]
    for variant in result.experiment.variants:
        matrix = panel(result, "confusion", f"confusion: {variant}")
        assert matrix.title == f"confusion: {variant} ({SHOWN_CLASSES} of 77 classes)"
        rows = [text for text in texts(matrix) if text.endswith("lined")][-SHOWN_CLASSES:]
        assert rows[:2] == ["05_car…lined", "06_car…lined"]
        share = result.comparison.confusion[variant][CONFUSED] / EACH
        assert share > 0.5
        assert f"{100 * share:.0f}" in texts(matrix)


def test_pairs_are_counted_off_the_diagonal_and_classes_are_taken_pair_by_pair() -> None:
    counts = np.array([[50, 1, 0, 0], [0, 50, 0, 7], [0, 0, 50, 0], [0, 3, 0, 9]])

    assert most_confused(counts, 9) == [Pair(1, 3), Pair(3, 1), Pair(0, 1)]
    assert classes_to_show(counts, 4) == [0, 1, 2, 3]
    assert classes_to_show(counts, 3) == [1, 3, 0]
    assert classes_to_show(np.diag([1, 5, 3]), 2) == [1, 2]  # nothing is mixed up: the largest
