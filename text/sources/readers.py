"""Reads text and label of a user's table, whatever its format: `READERS[format](member, layout)` yields the rows.

Columns have names; in a CSV or Excel file without a header they have numbers, counted from 1.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from text.sources.archives import Member
from text.sources.columnar import arrow_rows, parquet_rows
from text.sources.columns import Layout, Row
from text.sources.delimited import Table, delimiter_of
from text.sources.excel import excel_rows
from text.sources.json_files import array_rows, class_rows, line_rows
from text.sources.labelled_lines import ending_rows, labelled_rows
from text.sources.trees import tree_rows

CSV = "CSV"
JSON_LINES = "JSON lines"
LABELLED = "label text"  # a line each; also fastText's __label__x text
ENDING = "text@label"  # a line each
TREES = "(label (label word) …)"  # a line each
CLASS_OBJECT = "JSON of one class"
WITHOUT_COLUMNS = (LABELLED, ENDING, TREES)  # the label is column 1, the text column 2
TEXT_FORMATS = (CSV, JSON_LINES, *WITHOUT_COLUMNS)  # read line by line


@contextmanager
def delimited(member: Member, layout: Layout) -> Iterator[Table]:
    """A CSV file, open."""
    with member.file() as file:
        yield Table(file, member.origin, layout.delimiter or delimiter_of(file, layout), layout)


def _delimited_rows(member: Member, layout: Layout) -> Iterator[Row]:
    with delimited(member, layout) as table:
        yield from table.rows(quoted=table.delimiter not in layout.literal)


READERS: dict[str, Callable[[Member, Layout], Iterator[Row]]] = {
    CSV: _delimited_rows,
    JSON_LINES: line_rows,
    "JSON array": array_rows,
    CLASS_OBJECT: class_rows,
    "Parquet": parquet_rows,
    "Arrow": arrow_rows,
    "Excel": excel_rows,
    LABELLED: labelled_rows,
    ENDING: ending_rows,
    TREES: tree_rows,
}
