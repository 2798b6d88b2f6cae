"""Excel workbooks (.xlsx): a sheet for each split, or the sheet with the most rows, the first of several."""

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, time, timedelta
from itertools import chain
from typing import Any

import python_calamine

from core.errors import DataError
from text.sources.archives import Member
from text.sources.columns import Layout, Row, check_columns, keyed
from text.sources.decompression import BOMB_FLOOR, BOMB_RATIO


def excel_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows, without the header, of the sheet `member.part`, or of the sheet with the most rows if that is None."""
    rows = iter(_sheet(member)[1])
    if (first := next(rows, None)) is None:
        return
    if layout.by_number:
        for key, column in keyed(layout):
            if int(column) > len(first):
                raise DataError(f"{key} is {column}, but {member.origin} has {len(first)} columns")
        places = [int(column) - 1 for column in layout.columns]
        rows = chain([first], rows)
    else:
        names = [str(name) for name in first]
        check_columns(names, layout, member.origin, ", or column numbers where there is no header")
        places = [names.index(str(column)) for column in layout.columns]
    for number, row in enumerate(rows, 1):
        yield layout.row(number, [row[place] for place in places])


def head(member: Member, rows: int) -> tuple[list[list[Any]], list[str]]:
    """The first rows, and the names of the ignored sheets."""
    others, content = _sheet(member)
    return content[:rows], others


def sheets(member: Member) -> tuple[list[str], list[str]]:
    """The names of the sheets that hold rows, and of those that begin with the same row as the longest one."""
    rows_of = {name: rows for name, rows in _rows_of(member).items() if rows}
    first = max(rows_of.values(), key=len, default=[[]])[0]
    return list(rows_of), [name for name, rows in rows_of.items() if rows[0] == first and len(first) > 1]


def _sheet(member: Member) -> tuple[list[str], list[list[Any]]]:
    """The names of the ignored sheets, and the rows of the chosen one."""
    rows_of = _rows_of(member)
    if member.part is not None:
        return [], rows_of[member.part]
    largest = max(rows_of, key=lambda name: len(rows_of[name]), default="")
    return [name for name in rows_of if name != largest], rows_of.get(largest, [])


def _rows_of(member: Member) -> dict[str, list[list[Any]]]:
    """The non-empty rows of each sheet."""
    try:
        with member.file() as file:
            size = file.seek(0, 2)
            with zipfile.ZipFile(file) as archive:
                unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > max(BOMB_FLOOR, BOMB_RATIO * size):
                raise DataError(f"{member.origin} is refused: it unpacks to over {BOMB_RATIO} times its own size")
            file.seek(0)
            workbook = python_calamine.CalamineWorkbook.from_filelike(file)
            return {
                name: [
                    [_plain(value) for value in row]
                    for row in workbook.get_sheet_by_name(name).iter_rows()
                    if any(value != "" for value in row)
                ]
                for name in workbook.sheet_names
                if member.part in (None, name)
            }
    except DataError:
        raise
    except (python_calamine.CalamineError, zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise DataError(f"{member.origin} cannot be read as Excel: {' '.join(str(error).split())}") from None


def _plain(value: Any) -> Any:
    """The cell's value; dates and times as text, whole numbers without .0."""
    if isinstance(value, date | time | timedelta):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        with suppress(OverflowError):
            return int(value)
    return value
