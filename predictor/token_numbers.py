"""Texts become token numbers as in training: same cleaning, tokenizer, vocabulary and truncation."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.errors import DataError
from predictor.files import ModelFiles
from text.cleaning import cleaned
from text.tokenizing.encoding import keep, never_empty, truncated, vocabulary_numbers
from text.tokenizing.token_file import TokenizedDocuments, record_batch
from text.tokenizing.tokenizers import build_tokenizer
from text.tokenizing.vocabulary import UNKNOWN, token_numbers


class Encoder:
    """Encodes texts for the models that were trained on these tokens.

    Attributes:
        max_tokens: tokens that a model reads of a text; longer texts are truncated.
    """

    def __init__(self, files: ModelFiles) -> None:
        settings = files.config["tokenize"]
        self._clean: list[str] = files.config["data"].get("clean", [])
        self.max_tokens: int = settings["max_tokens"]
        self._truncation = settings["truncation"]
        self._tokenizer = settings["tokenizer"]
        self._numbers = token_numbers(json.loads(files.vocabulary.read_text(encoding="utf-8")))
        self._pieces = None
        if files.pieces is not None:
            self._pieces = build_tokenizer("sentencepiece", files.pieces.read_bytes())
            self._piece_names = self._pieces.tokens
            self._piece_translation = vocabulary_numbers(self._piece_names, self._numbers)

    def __call__(self, texts: Sequence[str]) -> TokenizedDocuments:
        """The texts as token numbers, without labels.

        Raises:
            DataError: a text cannot be encoded in UTF-8.
        """
        _check_characters(texts)
        names, numbers, full = self._tokenize([cleaned(text, self._clean) for text in texts])
        translation = vocabulary_numbers(names, self._numbers) if self._pieces is None else self._piece_translation
        tokens, lengths = truncated(translation, numbers, full, self.max_tokens, self._truncation)
        return _unlabelled(tokens, lengths, full)

    def without_each(self, text: str, most: int) -> tuple[list[str], TokenizedDocuments]:
        """The first `most` tokens of the text that a model reads, and for each the text without it, as a document.

        Raises:
            DataError: the text cannot be encoded in UTF-8.
        """
        tokens, numbers, _ = self.tokens(cleaned(text, self._clean))
        left_out = range(min(len(tokens), most))
        others = np.concatenate([np.empty(0, np.int32), *(np.delete(numbers, index) for index in left_out)])
        lengths = np.full(len(left_out), len(tokens) - 1, np.int32)
        return tokens[:most], _unlabelled(others, lengths, lengths)

    def tokens(self, text: str) -> tuple[list[str], NDArray[np.int32], int]:
        """The T tokens of a cleaned text that a model reads, their numbers (T,), and how many truncation removed.

        Raises:
            DataError: the text cannot be encoded in UTF-8.
        """
        _check_characters([text])
        names, numbers, full = self._tokenize([text])
        read = numbers[keep(full, self.max_tokens, self._truncation)]
        tokens = [names[number] or UNKNOWN for number in read]
        return tokens, vocabulary_numbers(names, self._numbers)[read], len(numbers) - len(read)

    def _tokenize(self, texts: Sequence[str]) -> tuple[list[str | None], NDArray[np.int32], NDArray[np.int32]]:
        """The tokenizer's tokens by number, the numbers of all texts (tokens,), and how many each has (texts,)."""
        # A word tokenizer remembers all words it has seen; a new one each time keeps the memory bounded.
        tokenizer = self._pieces or build_tokenizer(self._tokenizer, None)
        numbers, lengths = tokenizer(texts)
        return self._piece_names if self._pieces else tokenizer.tokens, numbers, lengths


def _unlabelled(tokens: NDArray[np.int32], lengths: NDArray[np.int32], full: NDArray[np.int32]) -> TokenizedDocuments:
    """Documents without labels; one without tokens gets an unknown one."""
    ids = pa.array(map(str, range(1, len(lengths) + 1)), pa.string())
    labels = pa.array(np.full(len(lengths), -1, np.int32))
    return TokenizedDocuments([record_batch(ids, labels, *never_empty(tokens, lengths), full)])


def _check_characters(texts: Sequence[str]) -> None:
    for number, text in enumerate(texts, 1):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise DataError(f"text {number} holds half a surrogate pair, which is not a character") from None
