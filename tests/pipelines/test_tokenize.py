"""The stage tokenize: what it writes, what the vocabulary may see, and that it repeats itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from config.tokenize import TokenizeParams
from core.constants import PADDING_INDEX
from core.errors import DataError, ParamsError
from pipelines.tokenize import make_tokens, show
from text.tokenizing.token_file import TokenizedDocuments

Splits = dict[str, list[str]]
SPLITS: Splits = {
    "train": ["the film was good", "the film was bad", "good good"] * 5,
    "validation": ["only here : validated"],
    "test": ["only there : tested", ""],
}


def write_raw(splits: Splits, name: str = "toy") -> None:
    """data/raw with these texts, as the stage download leaves it."""
    folder = Path("data/raw")
    for split, texts in splits.items():
        ids = [f"{split}-{number}" for number in range(len(texts))]
        labels = pa.array([number % 2 for number in range(len(texts))], pa.int32())
        pq.write_table(pa.table({"id": ids, "text": texts, "label": labels}), folder / f"{split}.parquet")
    card = {"name": name, "digest": "sha256:0", "labels": ["no", "yes"], "splits": dict.fromkeys(splits)}
    (folder / "card.json").write_text(json.dumps(card))


@pytest.fixture(autouse=True)
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "raw"
    folder.mkdir(parents=True)
    write_raw(SPLITS)
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


@pytest.mark.parametrize("tokenizer", ["auto", "basic_english", "whitespace", "characters", "sentencepiece"])
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


def test_pretrained_vectors_reach_their_tokens() -> None:
    Path("vectors.txt").write_text("good 1.0 2.0 3.0\nbad -1.0 0.5 0\nbroken 1 2\n<pad> 9 9 9\nunheard 9 9 9\n")
    summary = make_tokens(TokenizeParams(vectors="vectors.txt"))
    vectors = load_file("data/tokens/vectors.safetensors")["vectors"]
    assert vectors.shape == (7, 3)
    assert vectors[vocabulary().index("good")].tolist() == [1, 2, 3]
    assert vectors[vocabulary().index("bad")].tolist() == [-1, 0.5, 0]
    assert np.isnan(np.delete(vectors, [vocabulary().index("good"), vocabulary().index("bad")], axis=0)).all()
    assert summary["vectors"] == {
        "size": 3,
        "share_of_vocabulary": 0.4,  # 2 of good, film, the, was, bad
        "share_of_training_tokens": 0.4,  # 3 good and 1 bad of every 10
        "lines_skipped": 1,
        "first_skipped": "line 3, where 2 of 3 numbers follow the token",
    }
    assert not list(Path().glob("**/*.pt"))


def test_the_terminal_says_how_much_has_a_vector_and_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    Path("vectors.txt").write_text("good 1.0 2.0 3.0\nbroken 1 2\n")
    show(make_tokens(TokenizeParams(vectors="vectors.txt")))
    shown = " ".join(capsys.readouterr().out.split())
    assert "20.0 % of the vocabulary and 30.0 % of the training tokens have a pretrained vector" in shown
    assert "left out: 1; the first is line 2, where 2 of 3 numbers follow the token." in shown
    assert "warning: tokenize.vectors has a vector for only 30.0 % of the training tokens" in shown


def test_vectors_for_half_of_the_training_tokens_are_no_reason_to_warn() -> None:
    Path("vectors.txt").write_text("good 1 2\nfilm 1 2\n")
    write_raw(dict.fromkeys(SPLITS, SPLITS["train"]))
    assert make_tokens(TokenizeParams(vectors="vectors.txt"))["warnings"] == []


def test_vectors_of_other_words_are_warned_of() -> None:
    Path("vectors.txt").write_text("GOOD 1 2 3\nFilm 1 2 3\n")
    write_raw(dict.fromkeys(SPLITS, SPLITS["train"]))
    (warning,) = make_tokens(TokenizeParams(vectors="vectors.txt"))["warnings"]
    assert warning.startswith("tokenize.vectors has a vector for only 0.0 % of the training tokens")


def test_vectors_are_found_from_a_copy_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "vectors.txt").write_text("good 1.0 2.0 3.0\n")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "home"))
    assert make_tokens(TokenizeParams(vectors="vectors.txt"))["vectors"]["share_of_vocabulary"] == 0.2


def test_a_file_that_holds_no_vectors_is_named_and_nothing_is_left_behind() -> None:
    Path("vectors.txt").write_text("good 1 x 2\n")
    with pytest.raises(DataError, match=r"^tokenize.vectors 'vectors.txt' is not a text file with a token and .+$"):
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
    train = TokenizedDocuments.open(Path("data/tokens/train.arrow"))
    assert [vocabulary()[token] for token in train.tokens(0)] == ["was", "good"]
    assert train.full_lengths[0] == 4


CHINESE = [
    f"{what}{how}。"
    for what in ("这部电影", "演员", "音乐", "结尾")
    for how in ("很好看", "不好", "非常精彩", "太长了")
]
JAPANESE = ["映画はとても良かった", "つまらない話だった"] * 9
THAI = ["หนังเรื่องนี้ดีมาก", "ไม่สนุกเลย"] * 9
NEW_WORDS = [f"영화{number}입니다" for number in range(400)]


def test_auto_takes_words_where_spaces_separate_them() -> None:
    summary = make_tokens(TokenizeParams())
    assert summary["tokenize"]["tokenizer"] == "basic_english"
    assert summary["tokenizer_reason"].startswith("spaces separate the words, and 0.0 % of the words")
    token_files = {path: content for path, content in made().items() if path != "summary.json"}
    explicit = make_tokens(TokenizeParams(tokenizer="basic_english"))
    assert explicit["tokenizer_reason"] == ""
    assert {path: content for path, content in made().items() if path != "summary.json"} == token_files


@pytest.mark.parametrize(
    "texts", [CHINESE, ["映画はとても良かった", "つまらない話だった"] * 9, ["หนังเรื่องนี้ดีมาก", "ไม่สนุกเลย"] * 9]
)
def test_auto_takes_sentencepiece_where_nothing_separates_words(texts: list[str]) -> None:
    write_raw({"train": texts, "validation": texts[:2], "test": texts[:1]})
    summary = make_tokens(TokenizeParams(max_size=10**6))
    assert summary["tokenize"]["tokenizer"] == "sentencepiece"
    assert summary["tokenizer_reason"].endswith("of the letters are of scripts that write words without spaces")
    assert all(split["share_unknown"] < 0.3 for split in summary["splits"].values())


def test_auto_takes_sentencepiece_where_inflection_makes_ever_new_words() -> None:
    write_raw({"train": NEW_WORDS, "validation": NEW_WORDS, "test": NEW_WORDS})
    summary = make_tokens(TokenizeParams(max_size=400))
    assert summary["tokenize"]["tokenizer"] == "sentencepiece"
    assert summary["tokenizer_reason"] == "100.0 % of the words in held-out training texts are new"


def test_auto_looks_at_training_texts_only() -> None:
    write_raw({"train": SPLITS["train"], "validation": CHINESE, "test": CHINESE})
    assert make_tokens(TokenizeParams())["tokenize"]["tokenizer"] == "basic_english"


def test_auto_takes_characters_where_sentencepiece_may_not_have_enough_pieces() -> None:
    write_raw({"train": CHINESE, "validation": CHINESE, "test": CHINESE})
    summary = make_tokens(TokenizeParams(max_size=5))
    assert summary["tokenize"]["tokenizer"] == "characters"
    assert "tokenize.max_size (5) is too small for sentencepiece" in summary["tokenizer_reason"]
    with pytest.raises(ParamsError, match=r"tokenize.max_size is 5; sentencepiece cannot be trained"):
        make_tokens(TokenizeParams(tokenizer="sentencepiece", max_size=5))


@pytest.mark.parametrize(("texts", "expected"), [(SPLITS["train"], "basic_english"), (CHINESE, "characters")])
def test_auto_takes_tokens_that_pretrained_vectors_have(texts: list[str], expected: str) -> None:
    Path("vectors.txt").write_text("good 1 2 3\n好 1 2 3\n", encoding="utf-8")
    write_raw({"train": texts, "validation": texts, "test": texts})
    summary = make_tokens(TokenizeParams(vectors="vectors.txt"))
    assert summary["tokenize"]["tokenizer"] == expected
    assert summary["vectors"]["share_of_vocabulary"] > 0


@pytest.mark.parametrize("name", ["temporal_order", "first_token"])
def test_auto_leaves_the_symbols_of_generated_sequences_as_they_are(name: str) -> None:
    write_raw({split: ["E b B X", "a Y B E"] * 20 for split in SPLITS}, name)
    assert make_tokens(TokenizeParams())["tokenize"]["tokenizer"] == "whitespace"
    assert {"b", "B"} <= set(vocabulary())


@pytest.mark.parametrize(
    "texts", [["a"], ["", " "] + ["x"] * 3, ["好"], ["好", "坏"], ["\u2585 好"] * 3, ["<unk>好"] * 9]
)
def test_auto_copes_with_hardly_any_text(texts: list[str]) -> None:
    write_raw({"train": texts, "validation": texts, "test": texts})
    summary = make_tokens(TokenizeParams(min_freq=1))
    assert summary["vocabulary_size"] > 2
    assert summary["splits"]["train"]["documents"] == len(texts)


def test_unknown_words_are_warned_of_with_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    summary = make_tokens(TokenizeParams(tokenizer="basic_english"))
    (warning,) = summary["warnings"]
    assert warning.startswith("100.0 % of the validation split's tokens are unknown")
    assert "set tokenize.tokenizer (basic_english) to sentencepiece" in warning
    show(summary)
    assert f"warning: {warning}" in capsys.readouterr().out.splitlines()


def test_a_vocabulary_that_is_too_small_is_warned_of_with_what_to_set() -> None:
    write_raw(dict.fromkeys(SPLITS, SPLITS["train"]))
    (warning,) = make_tokens(TokenizeParams(max_size=1))["warnings"]
    assert "raise tokenize.max_size (1) or lower tokenize.min_freq (2)" in warning
    assert make_tokens(TokenizeParams(max_size=3))["warnings"] == []  # good, film, the: 8 of 10 are known


special = st.sampled_from(
    ["<pad>", "<unk>", "<s>", "</s>", "<PAD>", "\u2581<pad>", "an unknown piece", "\u2585", "good", "film", " "]
)


@pytest.mark.parametrize("tokenizer", ["auto", "basic_english", "whitespace", "characters", "sentencepiece"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.lists(special, max_size=5).map(" ".join), min_size=1, max_size=4))
def test_no_text_names_the_padding(tokenizer: Any, texts: list[str]) -> None:
    write_raw({"train": [*SPLITS["train"], *texts * 5], "validation": texts, "test": texts})
    make_tokens(TokenizeParams(tokenizer=tokenizer, max_size=60))
    assert vocabulary()[:2] == ["<unk>", "<pad>"]
    assert not {"<unk>", "<pad>"} & set(vocabulary()[2:])
    for split in SPLITS:
        documents = TokenizedDocuments.open(Path(f"data/tokens/{split}.arrow"))
        assert all(PADDING_INDEX not in documents.tokens(number) for number in range(len(documents)))


def test_padding_in_a_text_is_a_word_without_a_number() -> None:
    texts = ["good <pad> film", "<pad>", "<unk> bad"]
    write_raw({"train": [*SPLITS["train"], *texts], "validation": texts, "test": texts})
    make_tokens(TokenizeParams())
    test = TokenizedDocuments.open(Path("data/tokens/test.arrow"))
    good, film, bad = (vocabulary().index(word) for word in ("good", "film", "bad"))
    assert [test.tokens(number).tolist() for number in range(3)] == [[good, 0, film], [0], [0, bad]]
