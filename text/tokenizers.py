"""From a text to its tokens: basic_english, whitespace, characters, or a trained SentencePiece model.

Worker processes import this module: it stays clear of torch.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Literal

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from errors import DataError, ParamsError

TokenizerName = Literal["basic_english", "whitespace", "characters", "sentencepiece"]

# torchtext's basic_english, in its order: its patterns are plain strings, which str.replace finds several times faster.
_REPLACEMENTS = (
    ("'", " '  "),
    ('"', ""),
    (".", " . "),
    ("<br />", " "),
    (",", " , "),
    ("(", " ( "),
    (")", " ) "),
    ("!", " ! "),
    ("?", " ? "),
    (";", " "),
    (":", " "),
)


def basic_english(text: str) -> list[str]:
    """The tokens of torchtext's tokenizer of the same name, for every text.

    Example:
        >>> basic_english("Don't, it's <br />BAD!")
        ['don', "'", 't', ',', 'it', "'", 's', 'bad', '!']
    """
    text = text.lower()
    for pattern, replacement in _REPLACEMENTS:
        text = text.replace(pattern, replacement)
    return text.split()


_SPLITTERS: dict[TokenizerName, Callable[[str], list[str]]] = {
    "basic_english": basic_english,
    "whitespace": str.split,
    "characters": list,
}


class WordTokenizer:
    """Splits texts with a fixed rule; numbers its tokens in the order in which they first appear."""

    def __init__(self, name: TokenizerName) -> None:
        self.split = _SPLITTERS[name]
        self._numbers: dict[str, int] = {}

    @property
    def tokens(self) -> list[str | None]:
        """The string of each number so far."""
        return list(self._numbers)

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Token numbers of all texts in a row, and how many each text has (texts,)."""
        numbers = self._numbers
        split = [self.split(text) for text in texts]
        for token in chain.from_iterable(split):
            if token not in numbers:
                numbers[token] = len(numbers)
        lengths = np.fromiter(map(len, split), np.int32, len(split))
        flat = map(numbers.__getitem__, chain.from_iterable(split))
        return np.fromiter(flat, np.int32, int(lengths.sum())), lengths


class PieceTokenizer:
    """Cuts texts into the pieces of a trained SentencePiece model, and numbers them as the model does."""

    def __init__(self, model: bytes) -> None:
        self.processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    @property
    def tokens(self) -> list[str | None]:
        """The piece of each number; None for what the model does not know."""
        numbers = range(self.processor.get_piece_size())
        return [None if self.processor.is_unknown(number) else self.processor.id_to_piece(number) for number in numbers]

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """As `WordTokenizer`."""
        pieces = self.processor.encode(list(texts), num_threads=1)
        lengths = np.fromiter(map(len, pieces), np.int32, len(pieces))
        return np.fromiter(chain.from_iterable(pieces), np.int32, int(lengths.sum())), lengths


Tokenizer = WordTokenizer | PieceTokenizer


def build_tokenizer(name: TokenizerName, model: bytes | None) -> Tokenizer:
    """A tokenizer without state from earlier texts; `model` is what `train_sentencepiece` made."""
    return PieceTokenizer(model) if model is not None else WordTokenizer(name)


def train_sentencepiece(texts: Iterable[str], max_size: int) -> bytes:
    """A unigram model (Kudo 2018) of at most `max_size` pieces, the same for the same texts.

    torchtext's own function for this cannot ask for "at most": it fails where a corpus has fewer pieces.

    Raises:
        ParamsError: `max_size` is too small for the characters of the texts.
        DataError: there is no text.
    """
    model = io.BytesIO()
    lines = [line for text in texts if (line := " ".join(text.replace("\0", " ").split()))]
    if not lines:
        raise DataError("the training split holds no text; sentencepiece has nothing to learn from")
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=max_size,
            hard_vocab_limit=False,
            max_sentence_length=2**20,
            bos_id=-1,
            eos_id=-1,
            num_threads=2,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).split("] ")[-1].strip()
        raise ParamsError(f"tokenize.max_size is {max_size}; sentencepiece cannot be trained: {reason}") from None
    return model.getvalue()
