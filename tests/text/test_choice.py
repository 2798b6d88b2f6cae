"""The shares by which a tokenizer is chosen, counted by hand."""

import pytest

from text.tokenizing.choice import MOST_WORDS, choose_tokenizer, unknown_share, unspaced_share

KNOWN = ["good", "film", "bad", "story", "of", "the", "old", "man", "and", "sea"]


def numbered(word: str, texts: int, words: int) -> list[str]:
    """Texts of that many words that stand nowhere else."""
    return [" ".join(f"{word}{text}x{number}" for number in range(words)) for text in range(texts)]


def test_every_tenth_text_is_held_out() -> None:
    texts = ["good film"] * 20
    assert unknown_share(texts) == 0
    texts[9], texts[19] = "Good story", "film, story"  # new: story, twice, and the comma
    assert unknown_share(texts) == 3 / 5
    texts[0] = "a story"
    assert unknown_share(texts) == 1 / 5


def test_large_data_sets_are_thinned_to_as_many_words() -> None:
    texts = numbered("a", 4 * MOST_WORDS // 100, 100)
    repeated = [text for text in texts for _ in range(2)]  # each held-out text has its double within the next ones
    assert unknown_share(repeated[: MOST_WORDS // 100]) < 1
    assert unknown_share(repeated) == 1  # of which every eighth is read, so that no double is left


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        ([], 0),
        (["", "12 !?"], 0),
        (["good film"], 0),
        (["这部 ab"], 0.5),
        (["ひらカタ"], 1),
        (["กขค"], 1),
        (["한국 영화"], 0),
        (["хороший фильм", "καλή ταινία", "فيلم"], 0),
    ],
)
def test_letters_of_scripts_without_spaces_are_counted(texts: list[str], share: float) -> None:
    assert unspaced_share(texts) == share


def test_the_limits_are_those_of_the_docs() -> None:
    for new, expected in ((3, "basic_english"), (4, "sentencepiece")):
        held_out = KNOWN[new:] + [f"new{number}" for number in range(new)]
        texts = [" ".join(KNOWN)] * 9 + [" ".join(held_out)]
        assert choose_tokenizer(texts, False).tokenizer == expected
        assert choose_tokenizer(texts, True).tokenizer == "basic_english"
    for unspaced, expected in ((10, "basic_english"), (11, "sentencepiece")):
        texts = ["a" * (100 - unspaced) + "好" * unspaced] * 20
        assert choose_tokenizer(texts, False).tokenizer == expected
    assert choose_tokenizer(texts, True).tokenizer == "characters"
