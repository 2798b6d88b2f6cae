"""A cross-validation from its files: each training predicts its fold, and compare puts the folds together."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from analysis.comparison.differences import compare
from config.params import Params, load
from core import file_io, paths
from outputs.experiment_files import read_experiment
from outputs.prediction_file import write_predictions
from outputs.token_files import open_part, read_summary
from pipelines.download import download
from pipelines.tokenize import make_tokens
from recipes import recount
from tests.pipelines.project import make_own
from tests.text.test_folds import write_sentences

SEEDS = [6, 1, 2, 4, 3, 5]  # two repetitions of three folds, in an order of the user's
SURE = 0.9


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """A project whose trainings are over; seed n gives the right class a probability of 0.9 - n / 100."""
    changes = {"data.name": "cr", "data.source": str(write_sentences(tmp_path / "source")), "data.folds": 3}
    make_own(tmp_path, {**changes, "compare.seeds": SEEDS}, monkeypatch)
    params = load()
    download(params.data)
    make_tokens(params.tokenize)
    summary = read_summary()
    for variant, seed in params.compare.trainings():
        config = {"seed": seed, "data": summary["data"], "tokens": summary["checksums"], "labels": summary["labels"]}
        folder = paths.folder(variant, seed)
        test = open_part("test", config)
        right = SURE - seed / 100
        probabilities = np.where(test.labels[:, None] == [0, 1], right, 1 - right).astype(np.float32)
        write_predictions(folder / "predictions.parquet", test, probabilities)
        model = {"signature": f"{variant}-{seed}", "parameters": {"total": 1}, "variant": {"hidden_size": 1}}
        file_io.write_json(folder / "config.json", {**config, **model})
        file_io.write_json(folder / "history.json", [{"epoch": seed}])
    return params


def test_every_document_has_the_prediction_of_the_training_that_did_not_see_it(params: Params) -> None:
    experiment = read_experiment(params)
    assert experiment.seeds == [1, 2]  # repetitions
    assert experiment.trainings == [1, 2, 6, 4, 5, 3]  # by fold: seed 6 tests fold 3 as seed 3 does, and stands first
    assert experiment.correct.shape == (2, 2, 120)
    assert experiment.correct.all()
    assert experiment.folds is not None
    seed_of_document = np.array([[1, 2, 6], [4, 5, 3]])[:, experiment.folds]  # (repetitions, n)
    assert experiment.own_probabilities[0] == pytest.approx(SURE - seed_of_document / 100)
    for index in range(2):
        epochs = [experiment.histories[0][training][0]["epoch"] for training in experiment.trainings_of(index)]
        assert epochs == [[1, 2, 6], [4, 5, 3]][index]


def test_every_document_stands_there_once(params: Params) -> None:
    experiment = read_experiment(params)
    assert len({document.id for document in experiment.documents}) == len(experiment.labels) == 120
    assert len(experiment.columns["length in tokens"]) == 120
    assert np.bincount(experiment.folds).tolist() == [40, 40, 40]  # type: ignore[arg-type]
    assert experiment.fold_count == 3
    assert experiment.design == "2 cross-validations in 3 folds"


def write_report(params: Params) -> tuple[float, float]:
    """Errors of the bilstm in each fold, and the report's files about them; returns the interval of the difference."""
    summary = read_summary()
    for seed in SEEDS:
        config = {"seed": seed, "data": summary["data"], "tokens": summary["checksums"], "labels": summary["labels"]}
        test = open_part("test", config)
        is_wrong = np.arange(len(test.labels)) < 3 + seed
        probabilities = np.where((test.labels[:, None] == [0, 1]) != is_wrong[:, None], 0.8, 0.2).astype(np.float32)
        write_predictions(paths.folder("bilstm", seed) / "predictions.parquet", test, probabilities)
    experiment = read_experiment(params)
    [difference] = [by_metric["accuracy"] for by_metric in compare(experiment).differences.values()]
    written = {"folds": 3, "differences": {"bilstm": {"accuracy": asdict(difference)}}}
    file_io.write_json(Path("reports/comparison.json"), written)
    rows = [{"variant": v, "seed": s, "epoch": 1} for v in experiment.variants for s in experiment.trainings]
    file_io.write_json(Path("reports/plots/learning_curves.json"), rows)
    return difference.low, difference.high


def test_the_recount_agrees_and_puts_the_folds_together(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    low, high = write_report(params)
    recount.main()
    output = capsys.readouterr().out
    assert "bilstm minus lstm, points of test accuracy; 2 repetitions of 3 folds, 120 documents" in output
    assert f"recomputed                   {-100 * 39 / 240:+.3f}" in output  # 3 + seed errors in each of six trainings
    assert f"{100 * low:+.3f} to {100 * high:+.3f}" in output
    assert "corrected t over folds" in output


def test_the_recount_notices_a_difference_that_the_predictions_do_not_have(params: Params) -> None:
    write_report(params)
    path = Path("reports/comparison.json")
    written = json.loads(path.read_text(encoding="utf-8"))
    written["differences"]["bilstm"]["accuracy"]["value"] += 1 / 240
    path.write_text(json.dumps(written), encoding="utf-8")
    with pytest.raises(SystemExit, match="are not those of results"):
        recount.main()


def test_the_corrected_interval_is_that_of_nadeau_and_bengio() -> None:
    """Ten folds whose differences have a variance of 1: the error is the root of 1/10 + 1/8."""
    of_fold = np.array([-1.0, 1.0] * 5) * np.sqrt(0.9)
    (low, high), p_value = recount.corrected(np.repeat(of_fold, 7), np.repeat(np.arange(10), 7), 10)
    assert (low, high) == pytest.approx((-2.262157 * np.sqrt(0.225), 2.262157 * np.sqrt(0.225)))
    assert p_value == pytest.approx(1)
