"""A column that says the split of each document, as `partition` does in MASSIVE: every value is train, test, dev, …"""

from collections.abc import Iterable
from contextlib import suppress

from core.errors import DataError
from text.sources.archives import Member
from text.sources.column_choice import Head, kinds
from text.sources.columns import Column, Layout
from text.sources.formats import Recognised, head_like, recognise
from text.sources.quotes import Quoting, in_first_way
from text.sources.readers import READERS
from text.sources.split_names import EVAL, WORDS

OTHERS = 100  # different values; more name no splits


def candidates(member: Member, first: Recognised) -> list[Column]:
    """The columns of the first file whose first values all name splits."""
    head = head_like(member, first)
    if head is None or not head.rows:
        return []
    width = len(head.columns())
    even = [row for row in head.rows if len(row) == width]
    all_kinds = kinds(Head(head.names, even)) if even else {}
    return [column for column, kind in all_kinds.items() if kind == "split" and column not in first.layout.columns]


def values(member: Member, layout: Layout, column: Column) -> set[str]:
    """The different values of the column; quotation marks are read in the first way that is possible."""
    with member.file() as file:
        table = recognise(member.at(file), layout._replace(delimiter=None))

        def read(quoting: Quoting) -> set[str]:
            file.seek(0)
            of_column = table.layout._replace(**quoting._asdict(), text=column, label=column)
            different: set[str] = set()
            for row in READERS[table.format](member.at(file), of_column):
                different.add("" if row.text is None else str(row.text).strip())
                if len(different) > OTHERS:
                    break
            return different

        with suppress(DataError):
            return in_first_way(read)
    return set()


def splits_of(different: Iterable[str]) -> dict[str, str] | None:
    """The split that each value names; None if one names none, or there is no split to train or to test with.

    Example:
        >>> splits_of(["train", "dev", "Test"]), splits_of(["train", "eval"]), splits_of(["train", "web"])
        ({'train': 'train', 'dev': 'validation', 'Test': 'test'}, {'train': 'train', 'eval': 'test'}, None)
    """
    result = {value: WORDS.get(value.lower(), "") for value in different}
    if "" in result.values():
        return None
    instead = {EVAL: "validation" if "test" in result.values() else "test"}
    if not {"test", EVAL} & set(result.values()):
        instead["validation"] = "test"
    result = {value: instead.get(split, split) for value, split in result.items()}
    return result if {"train", "test"} <= set(result.values()) else None
