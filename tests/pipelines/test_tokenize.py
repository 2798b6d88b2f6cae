"""The stage tokenize: what it writes, what the vocabulary may see, and that it repeats itself."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from errors import DataError, ParamsError
from pipelines.params import TokenizeParams
from pipelines.tokenize import make_tokens
from text.store import TokenStore

SPLITS = {
    "train": ["the film was good", "the film was bad", "good good"] * 5,
    "validation": ["only here : validated"],
    "test": ["only there : tested", ""],
}


@pytest.fixture(autouse=True)
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "raw"
    folder.mkdir(parents=True)
    for split, texts in SPLITS.items():
        ids = [f"{split}-{number}" for number in range(len(texts))]
        labels = pa.array([number % 2 for number in range(len(texts))], pa.int32())
        pq.write_table(pa.table({"id": ids, "text": texts, "label": labels}), folder / f"{split}.parquet")
    card = {"name": "toy", "digest": "sha256:0", "labels": ["no", "yes"], "splits": dict.fromkeys(SPLITS)}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def made() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path("data/tokens").iterdir())}


def vocabulary() -> list[str]:
    tokens: list[str] = json.loads(Path("data/tokens/vocabulary.json").read_text())
    return tokens


def test_the_vocabulary_sees_the_training_split_only() -> None:
    summary = make_tokens(TokenizeParams())
    assert vocabulary() == ["<unk>", "<pad>", "good", "film", "the", "was", "bad"]
    assert summary["splits"]["train"]["share_unknown"] == 0
    assert summary["splits"]["test"]["share_unknown"] == 1
    assert summary["vocabulary_size"] == 7


@pytest.mark.parametrize("tokenizer", ["basic_english", "whitespace", "characters", "sentencepiece"])
def test_a_second_run_writes_the_same_bytes(tokenizer: Any) -> None:
    params = TokenizeParams(tokenizer=tokenizer, max_size=30)
    make_tokens(params)
    first = made()
    make_tokens(params)
    assert made() == first
    assert {"train.arrow", "validation.arrow", "test.arrow", "vocabulary.json", "summary.json"} <= set(first)


def test_sentencepiece_learns_from_the_training_split_only() -> None:
    make_tokens(TokenizeParams(tokenizer="sentencepiece", max_size=30))
    assert not any("v" in token for token in vocabulary())  # only validation has one
    assert Path("data/tokens/sentencepiece.model").exists()


@pytest.mark.parametrize("header", ["", "3 3\n"])
def test_pretrained_vectors_reach_their_tokens(header: str) -> None:
    Path("vectors.txt").write_text(f"{header}good 1.0 2.0 3.0\nbad -1.0 0.5 0\nunheard 9 9 9\n")
    summary = make_tokens(TokenizeParams(vectors="vectors.txt"))
    vectors = load_file("data/tokens/vectors.safetensors")["vectors"]
    assert vectors.shape == (7, 3)
    assert vectors[vocabulary().index("good")].tolist() == [1, 2, 3]
    assert vectors[vocabulary().index("bad")].tolist() == [-1, 0.5, 0]
    assert vectors[vocabulary().index("film")].tolist() == [0, 0, 0]
    assert summary["share_with_vector"] == 0.4
    assert not list(Path().glob("**/*.pt"))


def test_vectors_are_found_from_a_copy_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "vectors.txt").write_text("good 1.0 2.0 3.0\n")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "home"))
    assert make_tokens(TokenizeParams(vectors="vectors.txt"))["share_with_vector"] > 0


@pytest.mark.parametrize("content", ["", "good 1 x 2\n", "good 1 2 3\nbad 1 2\n"])
def test_a_file_that_holds_no_vectors_is_named_and_nothing_is_left_behind(content: str) -> None:
    Path("vectors.txt").write_text(content)
    with pytest.raises(DataError, match=r"^tokenize.vectors 'vectors.txt' is no text file with a token and .+$"):
        make_tokens(TokenizeParams(vectors="vectors.txt"))
    assert not list(Path("data").glob("*tokens*"))


def test_missing_vectors_are_named() -> None:
    with pytest.raises(DataError, match=r"tokenize.vectors is 'none.txt'; there is no such file"):
        make_tokens(TokenizeParams(vectors="none.txt"))


def test_a_min_freq_that_leaves_nothing_is_named() -> None:
    with pytest.raises(ParamsError, match=r"tokenize.min_freq is 99"):
        make_tokens(TokenizeParams(min_freq=99))


def test_what_was_there_before_stays_when_something_goes_wrong() -> None:
    make_tokens(TokenizeParams())
    before = made()
    with pytest.raises(ParamsError):
        make_tokens(TokenizeParams(min_freq=99))
    assert made() == before


def test_missing_raw_data_say_which_stage_makes_them(raw: Path) -> None:
    (raw / "card.json").unlink()
    with pytest.raises(DataError, match=r"card.json is missing; the stage download makes it"):
        make_tokens(TokenizeParams())


def test_stores_hold_cut_documents_and_their_full_lengths() -> None:
    make_tokens(TokenizeParams(max_tokens=2, truncation="tail"))
    store = TokenStore.open(Path("data/tokens/train.arrow"))
    assert [vocabulary()[token] for token in store.tokens(0)] == ["was", "good"]
    assert store.full_lengths[0] == 4
