"""Tokenizers: basic_english, whitespace, characters, and a trained SentencePiece model."""

import io
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Protocol

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from config.choices import TokenizerName
from core.errors import DataError, ParamsError

# sentencepiece's trainer skips texts that contain ▅ or the name of its unknown piece. The trainer sees no spaces in
# texts, so a name with spaces never matches.
_REPLACED = str.maketrans({"\0": " ", "\u2585": " "})
_UNKNOWN_PIECE = "an unknown piece"
LONGEST_LINE = 2**18  # characters


class CharacterTokenizer:
    """Cuts texts into their characters, whose numbers are their code points."""

    def __init__(self) -> None:
        self._largest = 0

    @property
    def tokens(self) -> list[str | None]:
        """The character of each number up to the largest so far."""
        return list(map(chr, range(self._largest + 1)))

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """As `Tokenizer`."""
        lengths = np.fromiter(map(len, texts), np.int32, len(texts))
        numbers = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.int32)
        self._largest = int(numbers.max(initial=self._largest))
        return numbers, lengths


class PieceTokenizer:
    """Cuts texts into the pieces of a trained SentencePiece model, and numbers them as the model does."""

    def __init__(self, model: bytes) -> None:
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    @property
    def tokens(self) -> list[str | None]:
        """The piece of each number; None for the unknown piece."""
        numbers = range(self.processor.get_piece_size())
        return [None if self.processor.is_unknown(number) else self.processor.id_to_piece(number) for number in numbers]

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """As `Tokenizer`."""
        pieces = self.processor.encode(list(texts), num_threads=1)
        lengths = np.fromiter(map(len, pieces), np.int32, len(pieces))
        return np.fromiter(chain.from_iterable(pieces), np.int32, int(lengths.sum())), lengths


class Tokenizer(Protocol):
    """The interface of all tokenizers."""

    @property
    def tokens(self) -> list[str | None]:
        """The string of each number; None if it has none."""

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Token numbers of all texts, concatenated (tokens,), and the number of tokens of each text (texts,)."""


def build_tokenizer(name: TokenizerName, model: bytes | None) -> Tokenizer:
    """A new tokenizer; `model` is the result of `train_sentencepiece`."""
    match name:
        case "basic_english" | "whitespace":
            from text.tokenizing.words import (
                WordTokenizer,  # here, since it imports a compiler, which takes half a second
            )

            return WordTokenizer(name)
        case "characters":
            return CharacterTokenizer()
        case "sentencepiece":
            assert model is not None
            return PieceTokenizer(model)


def train_sentencepiece(texts: Iterable[str], max_size: int) -> bytes:
    """A unigram model (Kudo 2018) of at most `max_size` pieces, the same for the same texts.

    It learns from lines of at most LONGEST_LINE characters, into which longer texts are cut.

    torchtext's own function takes an exact number of pieces and fails if the corpus has fewer.

    Raises:
        ParamsError: `max_size` is too small for the characters of the texts.
        DataError: there is no text.
    """
    model = io.BytesIO()
    whole = (" ".join(text.translate(_REPLACED).split()) for text in texts)
    lines = [line[start : start + LONGEST_LINE] for line in whole for start in range(0, len(line), LONGEST_LINE)]
    if not lines:
        raise DataError("the training split holds no text; sentencepiece has nothing to learn from")
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=max_size,
            hard_vocab_limit=False,
            max_sentence_length=4 * LONGEST_LINE,  # bytes; longer lines would be left out
            bos_id=-1,
            eos_id=-1,
            unk_piece=_UNKNOWN_PIECE,
            num_threads=2,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).split("] ")[-1].strip()
        raise ParamsError(f"tokenize.max_size is {max_size}; sentencepiece cannot be trained: {reason}") from None
    return model.getvalue()
