"""The vocabulary: which tokens have a number (torchtext's Vocab).

<unk> and <pad> have the first two numbers. A text cannot name them: a `<pad>` in a text is an unknown word.
"""

from collections import Counter
from collections.abc import Sequence

from core.errors import ParamsError

UNKNOWN, PADDING = "<unk>", "<pad>"


def build_vocabulary(counts: Counter[str], max_size: int, min_freq: int) -> list[str]:
    """<unk>, <pad>, then the most frequent tokens, equally frequent ones by alphabet.

    Raises:
        ParamsError: no token is left.
    """
    from torchtext.vocab import Vocab  # here, since it imports torch, which takes a second

    vocabulary: list[str] = Vocab(counts, max_size=max_size, min_freq=min_freq, specials=[UNKNOWN, PADDING]).itos
    if len(vocabulary) == 2:
        most = max(counts.values(), default=0)
        if most == 0:
            raise ParamsError("tokenize.tokenizer finds no token of the training split, whose texts are blank")
        raise ParamsError(
            f"tokenize.min_freq is {min_freq}, but no token occurs in the training split more than {most} times; "
            f"allowed here: 1 to {most}"
        )
    return vocabulary


def token_numbers(vocabulary: Sequence[str]) -> dict[str, int]:
    """The number of each token except <unk> and <pad>; any other string has UNKNOWN_INDEX.

    Example:
        >>> token_numbers(["<unk>", "<pad>", "good", "film"])
        {'good': 2, 'film': 3}
    """
    return {token: number for number, token in enumerate(vocabulary) if token not in (UNKNOWN, PADDING)}
