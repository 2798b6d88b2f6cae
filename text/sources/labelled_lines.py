"""Lines that begin with their label: `DESC:manner How did serfdom develop` and fastText's `__label__x text`.

The label is column 1, the text column 2. Quotation marks are mere text; empty lines are no rows.
"""

from collections.abc import Iterator, Sequence

from core.errors import DataError
from text.sources.archives import Member
from text.sources.columns import Layout, Row
from text.sources.lines import decoded

FASTTEXT = "__label__"
TEXT, LABEL = 2, 1  # their columns
MOST_LABELS = 100  # different first words of lines that are taken for labels


def labelled_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of a file.

    Raises:
        DataError: a line has no label, or several; names the line.
    """
    number = 0
    is_fasttext = False
    for line_number, line in enumerate(decoded(member.lines(), member.origin, layout.encoding), 1):
        if not (content := line.strip()):
            continue
        number += 1
        where = f"line {line_number} of {member.origin}"
        label, text = [*content.split(None, 1), ""][:2]
        is_fasttext = label.startswith(FASTTEXT) if number == 1 else is_fasttext
        if is_fasttext:
            if not label.startswith(FASTTEXT):
                raise DataError(f"{where} does not begin with {FASTTEXT}, as the first line does")
            label = label.removeprefix(FASTTEXT)
            if text.startswith(FASTTEXT):
                raise DataError(f"{where} has several labels; the data look multi-label; allowed: one class a document")
        yield number, text, label


def is_labelled(lines: Sequence[str]) -> bool:
    """Whether the first word of each line is plainly a label.

    That is: fastText's prefix; numbers or CLASS:names of which some occur twice; or at most one different word for
    ten lines, each of them more than once.

    Example:
        >>> is_labelled(["0 a dull film", "1 a good film", "1 great"]), is_labelled(["a dull film", "a good film"])
        (True, False)
    """
    contents = [line.strip() for line in lines if line.strip()]
    words = [content.split(None, 1)[0] for content in contents]
    different = set(words)
    if not contents or any(len(content.split(None, 1)) < 2 for content in contents):
        return False
    if all(word.startswith(FASTTEXT) for word in words):
        return True
    if not 2 <= len(different) <= MOST_LABELS or len(different) > len(words) / 1.5:
        return False
    if all(word.lstrip("+-").isdecimal() for word in words) or all(":" in word[1:-1] for word in words):
        return True
    return 10 * len(different) <= len(words) and all(words.count(word) > 1 for word in different)
