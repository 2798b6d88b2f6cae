"""Reads lines that begin with a label, such as `DESC:manner How did serfdom develop` or fastText's `__label__x text`.

Other files have the label at the end: `Sales rose .@positive` or `text __label__x`. The label is column 1, the text
column 2. Quotation marks are ordinary characters, and empty lines are skipped.
"""

from collections.abc import Iterator, Sequence

from core.errors import DataError
from text.sources.archives import Member
from text.sources.columns import Layout, Row
from text.sources.lines import decoded

FASTTEXT = "__label__"
AT = "@"
TEXT, LABEL = 2, 1  # their columns
MOST_LABELS = 100  # different first words of lines that are taken for labels
MOST_REPEATED = 0.2  # share of lines that contain such a word again; a word like "The" is repeated in more


def labelled_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of a file.

    Raises:
        DataError: a line has no label, or several; names the line.
    """
    is_fasttext = False
    for number, where, content in numbered(member, layout):
        label, text = [*content.split(None, 1), ""][:2]
        is_fasttext = label.startswith(FASTTEXT) if number == 1 else is_fasttext
        if is_fasttext:
            if not label.startswith(FASTTEXT):
                raise DataError(f"{where} does not begin with {FASTTEXT}, as the first line does")
            label = label.removeprefix(FASTTEXT)
            if text.startswith(FASTTEXT):
                raise DataError(
                    f"{where} has several labels; the data look multi-label; allowed: one class per document"
                )
        yield Row(number, text, label)


def ending_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of a file whose lines end in @ or __label__ and their label.

    Raises:
        DataError: a line has no label, or several; names the line.
    """
    mark = AT
    for number, where, content in numbered(member, layout):
        if number == 1 and FASTTEXT in content:
            mark = FASTTEXT
        text, separator, label = content.rpartition(mark)
        if not separator:
            raise DataError(f"{where} does not end in {mark} and a label, as others do")
        if mark == FASTTEXT and mark in text:
            raise DataError(f"{where} has several labels; the data look multi-label; allowed: one class per document")
        yield Row(number, text.rstrip() if mark == FASTTEXT else text, label)


def numbered(member: Member, layout: Layout) -> Iterator[tuple[int, str, str]]:
    """The number of each row from 1, where it stands, and its line; empty lines are no rows."""
    number = 0
    for line_number, line in enumerate(decoded(member.lines(), member.origin, layout.encoding), 1):
        if content := line.strip():
            number += 1
            yield number, f"line {line_number} of {member.origin}", content


def ends_in_label(lines: Sequence[str]) -> bool:
    """Whether each line clearly ends in @ or __label__ and a label.

    After @, each label must occur at least twice, and there must be at least ten lines for each different label.

    Example:
        >>> ends_in_label([f"Sales rose {n} %.@{'positive' if n % 2 else 'neutral'}" for n in range(20)])
        True
        >>> ends_in_label(["a dull film __label__neg", "a good film __label__pos"])
        True
    """
    contents = [content for line in lines if (content := line.strip())]
    if contents and all(FASTTEXT in (content.split() or [""])[-1] for content in contents):
        return all(len(content.split()) > 1 for content in contents)
    words = [content.rpartition(AT)[2] for content in contents if AT in content]
    different = set(words)
    return (
        len(words) == len(contents)
        and 2 <= len(different) <= min(MOST_LABELS, len(words) / 10)
        and all(word and " " not in word and words.count(word) > 1 for word in different)
    )


def is_labelled(lines: Sequence[str]) -> bool:
    """Whether the first word of each line is clearly a label.

    There are three cases: all words have fastText's prefix; or all are numbers, or all are CLASS:names, and they are
    repeated; or there are at least ten lines for each different word, each word occurs at least twice, and few lines
    contain one of the words again.

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
    if any(set(word) & set('",;|') for word in different):
        return False  # of CSV
    if all(word.lstrip("+-").isdecimal() for word in words) or all(":" in word[1:-1] for word in words):
        return True
    if 10 * len(different) > len(words) or any(words.count(word) < 2 for word in different):
        return False
    folded = {word.casefold() for word in different}
    repeated = sum(not folded.isdisjoint(content.casefold().split()[1:]) for content in contents)
    return repeated <= MOST_REPEATED * len(contents)
