"""Raw texts, classified from a model's files alone, get what the stage evaluate predicted, bit for bit."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from core.errors import DataError, ParamsError
from core.paths import RAW, RESULTS, TOKENS
from predictor.files import find_model, find_training
from predictor.predictor import Predictor
from tests.predictor.project import ROOT, VARIANTS, copy_of_registered, project_in

TOKENIZERS: dict[str, dict[str, Any]] = {
    "auto": {"tokenizer": "auto", "max_tokens": 7},
    "basic_english": {"tokenizer": "basic_english", "max_tokens": 9, "truncation": "tail"},
    "whitespace": {"tokenizer": "whitespace", "max_tokens": 5, "truncation": "head+tail"},
    "characters": {"tokenizer": "characters", "max_tokens": 30},
    "sentencepiece": {"tokenizer": "sentencepiece", "max_tokens": 12, "max_size": 70, "truncation": "head+tail"},
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenized(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with one training of each variant for each tokenizer."""
    folder = tmp_path_factory.mktemp(request.param)
    with project_in(folder, {f"tokenize.{key}": value for key, value in TOKENIZERS[request.param].items()}, [1]):
        yield folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One with two seeds."""
    with copy_of_registered(tmp_path_factory) as folder:
        yield folder


@pytest.fixture
def copied(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project to be damaged."""
    folder = tmp_path / "copy"
    shutil.copytree(project, folder)
    monkeypatch.chdir(folder)
    return folder


def raw_texts() -> list[str]:
    texts: list[str] = pq.read_table(RAW / "test.parquet")["text"].to_pylist()
    return texts


def evaluated(variant: str, seed: int) -> NDArray[np.float32]:
    table = pq.read_table(RESULTS / variant / f"seed-{seed}" / "predictions.parquet")
    return np.array(table["probabilities"].to_pylist(), np.float32)


def test_raw_test_texts_get_the_probabilities_of_evaluate_to_the_bit(tokenized: Path) -> None:
    texts = raw_texts()
    for variant in VARIANTS:
        predictions = Predictor([find_training(variant, 1)])(texts)
        expected = evaluated(variant, 1)
        assert predictions.probabilities.tobytes() == expected.tobytes()
        labels = json.loads((RAW / "card.json").read_text(encoding="utf-8"))["labels"]
        assert predictions.labels == [labels[index] for index in expected.argmax(axis=1)]


def test_a_text_alone_is_classified_as_among_others(tokenized: Path) -> None:
    texts, predictor = raw_texts(), Predictor([find_training("bilstm", 1)])
    together = predictor(texts).probabilities
    alone = np.concatenate([predictor([text]).probabilities for text in texts])
    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-6)


def test_a_copied_folder_needs_no_other_file(tokenized: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, expected = raw_texts(), evaluated("gru2", 1)
    find_training("gru2", 1).copy(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert Predictor([find_model(tmp_path)])(texts).probabilities.tobytes() == expected.tobytes()


def test_a_model_of_an_older_version_is_read_with_the_defaults_of_the_keys_that_it_lacks(
    tokenized: Path, tmp_path: Path
) -> None:
    texts, expected = raw_texts(), evaluated("bilstm", 1)
    find_training("bilstm", 1).copy(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    for key in ("segment", "head_size", "word_dropout", "locked_dropout", "weight_drop"):
        del config["variant"][key]
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert Predictor([find_model(tmp_path)])(texts).probabilities.tobytes() == expected.tobytes()


def test_an_ensemble_predicts_the_mean_of_its_members(project: Path) -> None:
    texts = raw_texts()
    members = [evaluated("bilstm", seed).astype(np.float64) for seed in (1, 2)]
    predicted = Predictor([find_training("bilstm", seed) for seed in (1, 2)])(texts).probabilities
    assert predicted.tobytes() == ((members[0] + members[1]) / 2).astype(np.float32).tobytes()
    assert not np.array_equal(members[0], members[1])


def test_lengths_are_those_before_truncation(project: Path) -> None:
    predictor = Predictor([find_training("bilstm", 1)])
    assert predictor(["", "one two", "word " * 50]).lengths.tolist() == [0, 2, 50]
    assert predictor.max_tokens == 20


def test_no_texts_are_no_error(project: Path) -> None:
    predictions = Predictor([find_training("bilstm", 1)])([])
    assert (predictions.labels, predictions.probabilities.shape) == ([], (0, 3))


def test_neither_dvc_nor_lightning_nor_torchtext_nor_mlflow_is_loaded(project: Path) -> None:
    code = (
        "import sys; from predictor.files import find_training; from predictor.predictor import Predictor\n"
        "print(Predictor([find_training('bilstm', 1)])(['A lovely surprise']).labels)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} &"
        " {'dvc', 'pytorch_lightning', 'lightning', 'torchtext', 'mlflow', 'tracking', 'pipelines'}))"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[1] == "[]"


def test_half_a_surrogate_pair_is_refused(project: Path) -> None:
    with pytest.raises(DataError, match="text 2 holds half a surrogate pair"):
        Predictor([find_training("bilstm", 1)])(["fine", "\ud800"])


def test_what_was_not_trained_is_named_with_what_was(project: Path) -> None:
    with pytest.raises(ParamsError, match=r"^lstm seed 7 is not trained; allowed: bilstm seed 1, bilstm seed 2, gru2"):
        find_training("lstm", 7)


def test_no_model_is_an_error() -> None:
    with pytest.raises(ParamsError, match="no model"):
        Predictor([])


def test_a_vocabulary_of_other_tokens_is_refused(copied: Path) -> None:
    path = TOKENS / "vocabulary.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"a"', '"b"', 1), encoding="utf-8")
    with pytest.raises(DataError, match="bilstm seed 1 was not trained with the vocabulary data/tokens"):
        find_training("bilstm", 1)


@pytest.mark.parametrize("name", ["model.safetensors", "vocabulary.json"])
def test_a_damaged_or_missing_file_of_a_copy_is_named(name: str, copied: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    find_training("bilstm", 1).copy(folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1]]))
    with pytest.raises(DataError, match=f"{name} is damaged"):
        find_model(folder)
    (folder / name).unlink()
    shutil.rmtree(TOKENS)
    with pytest.raises(DataError, match=f"{name} is missing; bilstm seed 1 needs it"):
        find_model(folder)


@pytest.mark.parametrize(
    ("content", "reason"), [("{", "is broken"), ("[]", "is not a training's configuration"), ("{}", "tokens")]
)
def test_a_broken_configuration_is_named(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=reason):
        find_model(tmp_path)
    with pytest.raises(DataError, match="is missing; allowed: a folder that training or export wrote"):
        find_model(tmp_path / "nowhere")


def test_models_of_other_labels_form_no_ensemble(copied: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        find_training("bilstm", 1).copy(tmp_path / name)
    path = tmp_path / "two" / "config.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"fair"', '"well"'), encoding="utf-8")
    with pytest.raises(ParamsError, match="cannot form an ensemble: they differ in labels"):
        Predictor([find_model(tmp_path / name) for name in ("one", "two")])
