"""Tokenizers: basic_english is torchtext's for every text, and numbers lead back to tokens."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torchtext.data.utils import get_tokenizer

from errors import DataError, ParamsError
from text.tokenizers import PieceTokenizer, TokenizerName, WordTokenizer, basic_english, train_sentencepiece

torchtexts_tokens = get_tokenizer("basic_english")
WORDS: list[TokenizerName] = ["basic_english", "whitespace", "characters"]
KOREAN = [
    "이 영화 정말 재미있어요",
    "정말 지루한 영화였다",
    "배우들의 연기가 좋았다 !",
    "시간이 아깝다 ...",
    "최고의 영화",
] * 20
pieces = st.sampled_from(
    ["<br />", "<BR />", "'", '"', ".", ",", "(", ")", "!", "?", ";", ":", " ", "\x85", "\x1c", "İ"]
)


@settings(max_examples=500)
@given(st.lists(st.one_of(st.text(), pieces)).map("".join))
def test_basic_english_gives_torchtexts_tokens(text: str) -> None:
    assert basic_english(text) == torchtexts_tokens(text)


@pytest.mark.parametrize(
    "text",
    [
        "<br / >",
        "<br\n/>",
        "<<br />br />",
        "a\u2028b\u00a0c\x85d\x1fe",
        "İSTANBUL ǅ ẞ ΑΣ",
        "don''t...\"\"",
        "\x00 \x0b",
        "",
    ],
)
def test_basic_english_gives_torchtexts_tokens_for_odd_texts(text: str) -> None:
    assert basic_english(text) == torchtexts_tokens(text)


@pytest.mark.parametrize("name", WORDS)
@given(texts=st.lists(st.text(max_size=30), max_size=6))
def test_numbers_lead_back_to_the_tokens_of_each_text(name: TokenizerName, texts: list[str]) -> None:
    tokenizer = WordTokenizer(name)
    numbers, lengths = tokenizer(texts)
    tokens = [tokenizer.tokens[number] for number in numbers]
    expected = [tokenizer.split(text) for text in texts]
    assert tokens == [token for text in expected for token in text]
    assert lengths.tolist() == [len(text) for text in expected]


def test_whitespace_and_characters_do_what_they_say() -> None:
    assert WordTokenizer("whitespace").split(" No,  it's\tBAD ") == ["No,", "it's", "BAD"]
    assert WordTokenizer("characters").split("a b") == ["a", " ", "b"]


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


def test_sentencepiece_with_too_few_pieces_is_one_line() -> None:
    with pytest.raises(ParamsError, match=r"^tokenize.max_size is 3; sentencepiece cannot be trained: .+$"):
        train_sentencepiece(KOREAN, 3)


@pytest.mark.parametrize("texts", [[], ["", "  "]])
def test_sentencepiece_without_text_is_one_line(texts: list[str]) -> None:
    with pytest.raises(DataError, match="the training split holds no text"):
        train_sentencepiece(texts, 50)
