"""Which tokenizer fits a data set: `tokenize.tokenizer: auto`, decided from training texts alone.

Words are the better tokens if spaces separate them and few are unknown: people can read them, and a document has fewer
words than pieces. If spaces do not separate words, or if inflection keeps forming new ones, sentencepiece cuts texts
into known pieces. docs/data.md lists the two shares for real data sets.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from config.choices import TokenizerName
from text.tokenizing.token_card import percent
from text.tokenizing.tokenizers import build_tokenizer

# More texts do not change the choice, and take time.
MOST_TEXTS = 10_000
MOST_CHARACTERS = 1000  # of a text
# New words become rarer as more are read: in English from 25 % after 5,000 words to 5 % after 250,000, in Korean from
# 47 to 29 %. So the shares of large data sets are taken after the same number of words.
MOST_WORDS = 50_000
HELD_OUT = 10  # every tenth text

MOST_UNSPACED = 0.1
MOST_UNKNOWN = 0.3

# First words of their letters' Unicode names.
UNSPACED_SCRIPTS = {"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN"}


class Choice(NamedTuple):
    """A tokenizer and the reason for it."""

    tokenizer: TokenizerName
    reason: str


def choose_tokenizer(texts: Sequence[str], with_vectors: bool) -> Choice:
    """The tokenizer for a data set with these training texts, whose first MOST_CHARACTERS are enough.

    Pretrained vectors exist for words, in Chinese and Japanese also for characters, but hardly for pieces:
    `with_vectors` excludes pieces.
    """
    if (unspaced := unspaced_share(texts)) > MOST_UNSPACED:
        reason = f"{percent(unspaced)} of the letters are of scripts that write words without spaces"
        return Choice("characters" if with_vectors else "sentencepiece", reason)
    if with_vectors:
        return Choice("basic_english", "tokenize.vectors are vectors of words")
    unknown = unknown_share(texts)
    share = f"{percent(unknown)} of the words in held-out training texts are new"
    if unknown > MOST_UNKNOWN:
        return Choice("sentencepiece", share)
    return Choice("basic_english", f"spaces separate the words, and {share}")


def unspaced_share(texts: Sequence[str]) -> float:
    """The share of letters of scripts that write words without spaces.

    Example:
        >>> unspaced_share(["这部电影", "한국 영화", "good film"])
        0.25
    """
    counts = Counter("".join(texts))
    letters = {letter: number for letter, number in counts.items() if letter.isalpha()}
    unspaced = sum(
        number for letter, number in letters.items() if unicodedata.name(letter, "").split(" ")[0] in UNSPACED_SCRIPTS
    )
    return unspaced / max(sum(letters.values()), 1)


def unknown_share(texts: Sequence[str]) -> float:
    """The share of words (basic_english) in every tenth text that are in none of the other texts.

    It is measured on a sample of about MOST_WORDS words.

    Example:
        >>> unknown_share(["good film", "a good film", "bad film"])
        0.0
    """
    numbers, lengths = build_tokenizer("basic_english", None)(texts)
    step = -(-len(numbers) // MOST_WORDS)
    chosen = np.arange(len(texts)) % max(step, 1) == 0
    held_out = np.cumsum(chosen) % HELD_OUT == 0  # (texts,); true for some that are not chosen
    held, known = (numbers[np.repeat(chosen & part, lengths)] for part in (held_out, ~held_out))
    return float((~np.isin(held, known)).mean()) if len(held) else 0.0
