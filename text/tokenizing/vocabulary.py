"""Which tokens have a number of their own: torchtext's Vocab.

<unk> and <pad> have the first two numbers, which no text can name: where a text says `<pad>`, that is a token without a
number, as an unknown word is.
"""

from collections import Counter
from collections.abc import Sequence

from core.errors import ParamsError

UNKNOWN, PADDING = "<unk>", "<pad>"
UNKNOWN_INDEX = 0


def build_vocabulary(counts: Counter[str], max_size: int, min_freq: int) -> list[str]:
    """<unk>, <pad>, then the most frequent tokens, equally frequent ones by alphabet.

    Raises:
        ParamsError: no token is left.
    """
    from torchtext.vocab import Vocab  # brings torch, which takes a second, and not all need this

    vocabulary: list[str] = Vocab(counts, max_size=max_size, min_freq=min_freq, specials=[UNKNOWN, PADDING]).itos
    if len(vocabulary) == 2:
        most = max(counts.values(), default=0)
        if most == 0:
            raise ParamsError("tokenize.tokenizer finds no token of the training split, whose texts are blank")
        raise ParamsError(
            f"tokenize.min_freq is {min_freq}, but no token stands in the training split more than {most} times; "
            f"allowed here: 1 to {most}"
        )
    return vocabulary


def token_numbers(vocabulary: Sequence[str]) -> dict[str, int]:
    """The number of each token that texts and files may name; all others have UNKNOWN_INDEX.

    Example:
        >>> token_numbers(["<unk>", "<pad>", "good", "film"])
        {'good': 2, 'film': 3}
    """
    return {token: number for number, token in enumerate(vocabulary) if token not in (UNKNOWN, PADDING)}
