"""Tokenizers: their tokens are torchtext's and Python's for every text, and numbers lead back to tokens."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torchtext.data.utils import get_tokenizer

from config.choices import TokenizerName
from core.errors import DataError, ParamsError
from text.tokenizing.tokenizers import PieceTokenizer, build_tokenizer, train_sentencepiece
from text.tokenizing.words import WordTokenizer

SPLITS: dict[TokenizerName, Callable[[str], list[str]]] = {
    "basic_english": get_tokenizer("basic_english"),
    "whitespace": str.split,
    "characters": list,
}
KOREAN = [
    "이 영화 정말 재미있어요",
    "정말 지루한 영화였다",
    "배우들의 연기가 좋았다 !",
    "시간이 아깝다 ...",
    "최고의 영화",
] * 20
pieces = st.sampled_from(
    [
        "<br />",
        "<BR />",
        "<b",
        "r",
        '"',
        " ",
        "/>",
        "<",
        "'",
        ".",
        ",",
        "(",
        ")",
        "!",
        "?",
        ";",
        ":",
        "\x85",
        "\x1c",
        "İ",
        "K",
    ]
)
texts = st.lists(st.one_of(st.text(), st.text("ab", max_size=2), pieces)).map("".join)


def tokens_of(name: TokenizerName, given_texts: list[str]) -> list[list[str | None]]:
    """Each text's tokens."""
    tokenizer = build_tokenizer(name, None)
    numbers, lengths = tokenizer(given_texts)
    strings = tokenizer.tokens
    tokens = [strings[number] for number in numbers]
    ends = np.cumsum(lengths).tolist()
    assert len(ends) == len(given_texts)
    assert ends[-1:] == [len(tokens)][: len(ends)]
    return [tokens[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]


@pytest.mark.parametrize("name", ["basic_english", "whitespace"])
@settings(max_examples=500, deadline=None)  # the first one waits for the compiler
@given(st.lists(texts, max_size=6))
def test_tokens_are_those_of_torchtext_and_of_python(name: TokenizerName, given_texts: list[str]) -> None:
    assert tokens_of(name, given_texts) == [SPLITS[name](text) for text in given_texts]


@settings(max_examples=50, deadline=None)  # each lists a million characters; there is one rule to break
@given(st.lists(texts, max_size=6))
def test_characters_are_those_of_python(given_texts: list[str]) -> None:
    assert tokens_of("characters", given_texts) == [list(text) for text in given_texts]


@pytest.mark.parametrize("name", SPLITS)
@pytest.mark.parametrize(
    "text",
    [
        "<br / >",
        "<br\n/>",
        "<<br />br />",
        '<b"R />x<BR" "/>y',
        "<br /",
        "a\u2028b\u00a0c\x85d\x1fe",
        "İSTANBUL ǅ ẞ ΑΣ",
        "don''t...\"\"",
        "\x00 \x0b a\x00 a",
        "cut \ud800 in two",
        " No,  it's\tBAD ",
        "",
    ],
)
def test_odd_texts_have_the_tokens_of_torchtext_and_of_python(name: TokenizerName, text: str) -> None:
    assert tokens_of(name, [text]) == [SPLITS[name](text)]


def test_a_number_keeps_its_token_however_many_come_later() -> None:
    tokenizer = WordTokenizer("whitespace")
    first, _ = tokenizer(["a bb a"])
    many = [f"word{number}" for number in range(20_000)]
    numbers, _ = tokenizer(["bb", " ".join(many), "a"])
    tokens = tokenizer.tokens
    assert first.tolist() == [0, 1, 0]
    assert [tokens[number] for number in numbers] == ["bb", *many, "a"]
    assert len(tokens) == 20_002


def test_sentencepiece_gives_the_same_model_for_the_same_texts() -> None:
    assert train_sentencepiece(KOREAN, 60) == train_sentencepiece(KOREAN, 60)


def test_sentencepiece_takes_fewer_pieces_where_there_are_no_more() -> None:
    tokenizer = PieceTokenizer(train_sentencepiece(KOREAN, 20_000))
    assert 10 < len(tokenizer.tokens) < 200
    numbers, lengths = tokenizer(["정말 좋았다", "", "龍"])
    assert lengths[1] == 0
    known = [tokenizer.tokens[number] for number in numbers[: lengths[0]]]
    assert "".join(filter(None, known)).replace("▁", " ").strip() == "정말 좋았다"
    assert None in [tokenizer.tokens[number] for number in numbers[lengths[0] :]]


def test_sentencepiece_learns_from_texts_with_characters_and_names_of_its_trainer() -> None:
    tokenizer = PieceTokenizer(train_sentencepiece(["good \u2585 film", "<unk> is \u2585", "<s></s>"] * 20, 100))
    for text in ("good film", "<unk> is <s>", "<s></s>"):
        numbers, _ = tokenizer([text])
        known = [tokenizer.tokens[number] for number in numbers]
        assert None not in known
        assert "".join(filter(None, known)).replace("▁", " ").strip() == text
    numbers, _ = tokenizer(["\u2585"])
    assert None in [tokenizer.tokens[number] for number in numbers]


def test_sentencepiece_learns_from_texts_of_more_than_a_megabyte() -> None:
    syllables = np.random.default_rng(1).integers(0xAC00, 0xAC00 + 200, (150_000, 3))
    words = ["".join(map(chr, word)) for word in syllables]
    assert len(" ".join(words).encode()) > 2**20
    tokenizer = PieceTokenizer(train_sentencepiece([" ".join(words), *["ab"] * 50], 500))
    numbers, _ = tokenizer(words[:100])
    assert None not in [tokenizer.tokens[number] for number in numbers]


def test_sentencepiece_with_too_few_pieces_is_one_line() -> None:
    with pytest.raises(ParamsError, match=r"^tokenize.max_size is 3; sentencepiece cannot be trained: .+$"):
        train_sentencepiece(KOREAN, 3)


@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_sentencepiece_without_text_is_one_line(texts: list[str]) -> None:
    with pytest.raises(DataError, match="the training split holds no text"):
        train_sentencepiece(texts, 50)
