"""Excel workbooks (.xlsx): the sheet with the most rows, the first of several."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, time, timedelta
from itertools import islice
from typing import Any

import python_calamine

from core.errors import DataError
from text.sources.archives import BOMB_FLOOR, BOMB_RATIO, Member
from text.sources.columns import Layout, Row, check_columns, keyed, listed
from text.sources.split_names import named_split


def excel_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of the sheet with the most rows, but its header."""
    rows = _sheet(member)[1]
    if (first := next(rows, None)) is None:
        return
    if layout.by_number:
        for key, column in keyed(layout):
            if int(column) > len(first):
                raise DataError(f"{key} is {column}, but {member.origin} has {len(first)} columns")
        places = [int(column) - 1 for column in layout.columns]
        rows = (row for part in ([first], rows) for row in part)
    else:
        names = [str(name) for name in first]
        check_columns(names, layout, member.origin, ", or column numbers where there is no header")
        places = [names.index(str(column)) for column in layout.columns]
    for number, row in enumerate(rows, 1):
        *texts, label = (row[place] for place in places)
        yield number, texts[0] if len(texts) == 1 else tuple(texts), label


def head(member: Member, rows: int) -> tuple[list[list[Any]], list[str]]:
    """The first rows, and the names of the ignored sheets."""
    others, content = _sheet(member)
    return list(islice(content, rows)), others


def _sheet(member: Member) -> tuple[list[str], Iterator[list[Any]]]:
    """The names of the ignored sheets, and the rows that are not empty."""
    try:
        with member.file() as file:
            size = file.seek(0, 2)
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > max(BOMB_FLOOR, BOMB_RATIO * size):
                raise DataError(f"{member.origin} is refused: it unpacks to over {BOMB_RATIO} times its own size")
            file.seek(0)
            workbook = python_calamine.CalamineWorkbook.from_filelike(file)
            rows_of = {
                name: [
                    [_plain(value) for value in row]
                    for row in workbook.get_sheet_by_name(name).iter_rows()
                    if any(value != "" for value in row)
                ]
                for name in workbook.sheet_names
            }
            _check_sheets([name for name, rows in rows_of.items() if rows], member.origin)
            largest = max(rows_of, key=lambda name: len(rows_of[name]), default="")
            return [name for name in rows_of if name != largest], iter(rows_of.get(largest, []))
    except DataError:
        raise
    except (python_calamine.CalamineError, zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise DataError(f"{member.origin} cannot be read as Excel: {' '.join(str(error).split())}") from None


def _check_sheets(names: Sequence[str], origin: str) -> None:
    """Refuses a workbook with a sheet for each split: a file has one split."""
    splits = {named.split for name in names if (named := named_split(name))}
    if "train" in splits and len(splits) > 1:
        raise DataError(
            f"{origin} has the sheets {listed(names)}; allowed: one sheet of documents; save each as a file of that "
            f"name, such as {names[0]}.csv"
        )


def _plain(value: Any) -> Any:
    """The cell's value; dates and times as text, whole numbers without .0."""
    if isinstance(value, date | time | timedelta):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        with suppress(OverflowError):
            return int(value)
    return value
