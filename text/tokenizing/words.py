"""Tokenizers that split texts into words by a fixed rule, in compiled loops over UTF-8 bytes (word_loops.py)."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from text.tokenizing import word_loops

# Bytes beyond ASCII belong to words; so spaces beyond ASCII are first replaced by an ASCII one.
_ASCII_SPACES = b"\t\n\v\f\r\x1c\x1d\x1e\x1f "
_OTHER_SPACES = re.compile("[" + "".join(c for c in map(chr, range(0x80, 0x3001)) if c.isspace()) + "]")
_OTHER_SPACE = "\x1f"


class WordTokenizer:
    """Splits texts like `str.split` or like torchtext's `basic_english`; numbers words in order of first occurrence.

    basic_english lowercases letters, drops double quotes, treats <br />, semicolons and colons as spaces, and each of
    ' . , ( ) ! ? as a word. Other signs remain part of words.

    Example:
        >>> tokenizer = WordTokenizer("basic_english")
        >>> tokenizer(["Don't, it's <br />BAD!", "Bad"])
        (array([0, 1, 2, 3, 4, 1, 5, 6, 7, 6], dtype=int32), array([9, 1], dtype=int32))
        >>> tokenizer.tokens
        ['don', "'", 't', ',', 'it', 's', 'bad', '!']
    """

    def __init__(self, name: Literal["basic_english", "whitespace"]) -> None:
        self._english = name == "basic_english"
        self._kinds = np.full(256, word_loops.PART, np.uint8)
        self._kinds[list(_ASCII_SPACES)] = word_loops.SPACE
        self._small = np.arange(256, dtype=np.uint8)
        if self._english:
            self._kinds[list(b";:")] = word_loops.SPACE
            self._kinds[list(b"'.,()!?")] = word_loops.SINGLE
            self._kinds[ord('"')] = word_loops.NOTHING
            self._kinds[ord("<")] = word_loops.TAG
            self._small[ord("A") : ord("Z") + 1] += 32
        self._words = np.empty(0, np.uint8)  # all of them, concatenated
        self._ends = np.empty(0, np.int64)  # (words,): where each ends in _words
        self._codes = np.empty(0, np.uint64)  # (words,)
        self._slots = np.full(1 << 12, -1, np.int32)  # a hash table with open addressing: word numbers, -1 if free

    @property
    def tokens(self) -> list[str | None]:
        """The word of each number so far."""
        row, ends = self._words.tobytes(), self._ends.tolist()
        spans = zip([0, *ends], ends, strict=False)
        return [row[start:end].decode("utf-8", "surrogatepass") for start, end in spans]

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """As `Tokenizer`."""
        encoded = [self._encode(text) for text in texts]
        data = np.frombuffer(b"".join(encoded), np.uint8)
        stops = np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        lengths = np.empty(len(texts), np.int32)
        # More than enough room; memory pages that are never written take no memory.
        numbers = np.empty(len(data), np.int32)
        words, ends, codes = (_with_room(known, len(data)) for known in (self._words, self._ends, self._codes))
        count, self._slots = word_loops.number_words(
            data, stops, self._kinds, self._small, words, ends, codes, len(self._ends), self._slots, numbers, lengths
        )
        self._ends, self._codes = ends[:count].copy(), codes[:count].copy()
        self._words = words[: ends[count - 1] if count else 0].copy()
        return numbers[: lengths.sum(dtype=np.int64)].copy(), lengths

    def _encode(self, text: str) -> bytes:
        if not text.isascii():
            text = _OTHER_SPACES.sub(_OTHER_SPACE, text.lower() if self._english else text)
        return text.encode("utf-8", "surrogatepass")


def _with_room(known: NDArray[Any], more: int) -> NDArray[Any]:
    result = np.empty(len(known) + more, known.dtype)
    result[: len(known)] = known
    return result
