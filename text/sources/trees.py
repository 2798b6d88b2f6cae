"""Reads lines with a labelled tree each, such as the Stanford Sentiment Treebank: `(3 (2 A) (4 (3 good) (2 film)))`.

Column 1 is the root's label. Column 2 is the text: the words of the tree, joined by spaces.
"""

import re
from collections.abc import Iterator, Sequence

from core.errors import DataError
from text.sources.archives import Member
from text.sources.columns import Layout, Row
from text.sources.labelled_lines import numbered

TREE = re.compile(r"\((\S+) (.+)\)")
WORD = re.compile(r" ([^\s()]+)\)")
BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]"}  # as trees write them in texts


def tree_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of a file.

    Raises:
        DataError: a line is no tree; names it.
    """
    for number, where, content in numbered(member, layout):
        if (tree := TREE.fullmatch(content)) is None or not _is_balanced(content):
            raise DataError(f"{where} is not a tree such as (3 (2 A) (4 film)), as other lines are")
        words = [BRACKETS.get(word, word) for word in WORD.findall(content)]
        yield Row(number, " ".join(words), tree[1])


def are_trees(lines: Sequence[str]) -> bool:
    """Whether each line is a tree; the last one may be cut.

    Example:
        >>> are_trees(["(3 (2 A) (4 film))", "(1 (2 Dull) (2 .))"]), are_trees(["(a) first", "(b) second"])
        (True, False)
    """
    contents = [content for line in lines if (content := line.strip())]
    complete = contents[:-1] or contents
    return bool(complete) and all(TREE.fullmatch(content) and _is_balanced(content) for content in complete)


def _is_balanced(content: str) -> bool:
    return content.count("(") == content.count(")") == len(re.findall(r"\(\S+ ", content))
