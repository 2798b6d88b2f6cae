"""Which tokens have a number of their own: torchtext's Vocab, and vectors for them."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from errors import DataError, ParamsError

UNKNOWN, PADDING = "<unk>", "<pad>"
UNKNOWN_INDEX, PADDING_INDEX = 0, 1


def build_vocabulary(counts: Counter[str], max_size: int, min_freq: int) -> list[str]:
    """<unk>, <pad>, then the most frequent tokens, equally frequent ones by alphabet.

    Raises:
        ParamsError: no token is left.
    """
    from torchtext.vocab import Vocab  # brings torch, which takes a second, and not all need this

    vocabulary: list[str] = Vocab(counts, max_size=max_size, min_freq=min_freq, specials=[UNKNOWN, PADDING]).itos
    if len(vocabulary) == 2:
        raise ParamsError(f"tokenize.min_freq is {min_freq}, but no token of the training split is that frequent")
    return vocabulary


def load_vectors(path: Path, vocabulary: list[str]) -> tuple[NDArray[np.float32], float]:
    """Vectors (vocabulary, size) from a GloVe or fastText text file, 0 for what it lacks; and the share it has.

    Raises:
        DataError: the file is missing or no such file.
    """
    import torch
    from torchtext.vocab import Vectors, Vocab

    try:
        known = path.is_file()
    except OSError:  # a name too long
        known = False
    if not known:
        raise DataError(f"tokenize.vectors is {str(path)[:200]!r}; there is no such file")
    try:
        # A fresh cache: torchtext would read a pickle that lies in an old one.
        with TemporaryDirectory() as cache:
            vectors: Any = Vectors(str(path), cache=cache)
    except (ValueError, TypeError, RuntimeError, IndexError, StopIteration) as error:
        reason = " ".join(str(error).split())
        # A TypeError is what torchtext makes of a file without vectors.
        problem = "it holds none" if isinstance(error, TypeError) else reason
        raise DataError(
            f"tokenize.vectors '{path}' is no text file with a token and at least 3 numbers on each line: {problem}"
        ) from None
    words = Vocab(Counter(), specials=vocabulary)
    words.set_vectors(vectors.stoi, vectors.vectors, vectors.dim, unk_init=torch.Tensor.zero_)
    found = sum(token in vectors.stoi for token in vocabulary[2:]) / max(len(vocabulary) - 2, 1)
    result: NDArray[np.float32] = words.vectors.numpy()
    return result, found
