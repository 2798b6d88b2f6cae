"""An exported folder holds the same model three times: as ONNX, for the predictor, and as a card for people."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest

from commands import export, predict
from config.params import load
from core.errors import DataError
from core.paths import RAW, RESULTS
from outputs import evaluation_checksums
from predictor.files import find_model, find_training
from predictor.predictor import Predictor
from predictor.token_numbers import Encoder
from tests.predictor.project import call, project_in


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("project")
    with project_in(folder, {"tokenize.tokenizer": "sentencepiece", "tokenize.max_size": 70}, [1]):
        yield folder


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)


@pytest.mark.parametrize("variant", ["bilstm", "gru2"])
def test_the_onnx_file_gives_the_predictors_probabilities_for_raw_texts(
    variant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(export, "--variant", variant, "--seed", "1") == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder == Path(f"exports/{variant}-seed-1")
    texts = pq.read_table(RAW / "test.parquet")["text"].to_pylist()
    encoded = Encoder(find_model(folder))(texts)
    tokens, lengths = encoded.batch(np.arange(len(encoded)))
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    (exported,) = session.run(None, {"tokens": tokens, "lengths": lengths})
    expected = Predictor([find_training(variant, 1)])(texts).probabilities
    np.testing.assert_allclose(exported, expected, rtol=0, atol=1e-5)


def test_the_folder_is_a_model_for_predict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(predict, "--variant", "bilstm", "--seed", "1", "A lovely surprise") == 0
    expected = capsys.readouterr().out
    shutil.copytree(export.export("bilstm", 1), tmp_path / "model")
    shutil.copy("params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)  # where there is neither data nor results
    assert call(predict, "--model", "model", "A lovely surprise") == 0
    assert capsys.readouterr().out == expected


def test_an_export_repeats_to_the_byte() -> None:
    contents = [{path.name: path.read_bytes() for path in export.export("gru2", 1).iterdir()} for _ in range(2)]
    assert contents[0] == contents[1]
    names = {"README.md", "config.json", "model.onnx", "model.safetensors", "sentencepiece.model", "vocabulary.json"}
    assert set(contents[0]) == names


def test_the_card_has_the_test_metrics_and_the_way_from_text_to_tokens() -> None:
    card = " ".join((export.export("bilstm", 1) / "README.md").read_text(encoding="utf-8").split())
    metrics = json.loads((RESULTS / "bilstm" / "seed-1" / "metrics.json").read_text(encoding="utf-8"))
    assert "A bidirectional LSTM (1 layer of 6 units per direction, max pooling" in card
    assert f"| accuracy | {metrics['accuracy']:.4f} |" in card
    assert f"| macro f1 | {metrics['macro_f1']:.4f} |" in card
    assert "the pieces of sentencepiece.model" in card
    assert "At most 20 tokens; of longer texts the first." in card
    assert "in the order `dull`, `fair`, `fine`" in card


def test_scores_of_earlier_weights_are_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(Path(), tmp_path / "project"))
    monkeypatch.chdir(folder)
    history = RESULTS / "gru2" / "seed-1" / "history.json"  # as a training writes it that nobody has evaluated
    history.write_text(history.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    line = (
        "error: results/gru2/seed-1 has not been evaluated since it was trained; the stage evaluate does it: dvc repro"
    )
    assert call(export, "--variant", "gru2", "--seed", "1") == line
    with pytest.raises(DataError, match=r"^results/gru2/seed-1 has not been evaluated"):
        evaluation_checksums.check_compared(load().compare)


def test_what_is_not_trained_or_not_evaluated_is_one_line() -> None:
    message = "error: bilstm seed 2 is not trained; allowed: bilstm seed 1, gru2 seed 1"
    assert call(export, "--variant", "bilstm", "--seed", "2") == message
    path = RESULTS / "gru2" / "seed-1" / "metrics.json"
    content = path.read_bytes()
    path.unlink()
    try:
        assert "gru2/seed-1 has not been evaluated" in call(export, "--variant", "gru2", "--seed", "1")
    finally:
        path.write_bytes(content)
