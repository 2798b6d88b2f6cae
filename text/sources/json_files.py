"""JSON lines (an object a line), JSON arrays (of objects), and JSON of one class: {"GetWeather": [{"data": …}, …]}.

The last is the format of an intent in SNIPS, whose texts are split into parts. Files of the last two kinds are read
into memory as a whole. An array may be inside an object: {"data": [{…}, …]}, {"train": […], "test": […]} or a table
written by pandas. The rows of an array may be arrays, ["a text", "a label"], whose columns are numbered if the first
row is no header. Keys of nested objects are joined: the text of {"review": {"text": …}} is the column review.text.
"""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import IO, Any

from core.errors import DataError
from text.sources.archives import Member
from text.sources.column_names import is_usual
from text.sources.columns import Layout, Row, check_columns, listed
from text.sources.lines import decode, decoded

NAMED_KEYS = 100  # different keys that are looked at, and remembered for an error

Objects = Iterable[tuple[int, dict[Any, Any]]]  # number of the row from 1, and its content


def line_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of JSON lines."""
    return _rows(_line_objects(member, layout.encoding), layout, member.origin)


def array_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of a JSON array."""
    array = _array(_content(member, layout.encoding), member.origin, member.part)
    return _rows(_array_objects(array, member.origin, layout.by_number), layout, member.origin)


def class_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The texts of JSON of one class, whose key is the label."""
    content = _content(member, layout.encoding)
    try:
        [(label, rows)] = content.items()
        texts = ["".join(part["text"] for part in row["data"]).strip() for row in rows]
    except (AttributeError, KeyError, TypeError, ValueError):
        allowed = '{"class": [{"data": [{"text": "…"}, …]}, …]}'
        raise DataError(f"{member.origin} is not JSON of one class; allowed: {allowed}") from None
    for number, text in enumerate(texts, 1):
        yield Row(number, text, label)


def is_one_object(file: IO[bytes]) -> bool:
    """Whether a file that begins with { is one JSON object, perhaps in many lines, and not one a line."""
    file.seek(0)
    contents = (content for line in file if (content := line.strip()))
    first, second = next(contents, b""), next(contents, b"")
    file.seek(0)
    try:
        content = json.loads(first.removeprefix(codecs.BOM_UTF8).decode(errors="replace"))
    except (ValueError, RecursionError):
        return not first.endswith(b"}")  # else a faulty line
    is_row = isinstance(content, dict) and not any(isinstance(value, list | dict) for value in content.values())
    return not second and not is_row


def parts(member: Member, encoding: str) -> list[str]:
    """The keys of a JSON object that hold arrays or objects; none if the file holds something else."""
    content = _content(member, encoding)
    items = content.items() if isinstance(content, dict) else ()
    return [key for key, value in items if value and isinstance(value, list | dict)]


def head(member: Member, encoding: str, is_array: bool, rows: int) -> tuple[list[str] | None, list[list[Any]]]:
    """The keys of the first rows, and their values; no keys if the rows are arrays."""
    if is_array:
        array = list(islice(_array(_content(member, encoding), member.origin, member.part), rows))
        if array and isinstance(array[0], list):
            return None, list(_even(array, member.origin))
        objects = _array_objects(array, member.origin, by_number=False)
    else:
        objects = _line_objects(member, encoding)
    first = [content for _, content in islice(objects, rows)]
    every = list(dict.fromkeys(key for content in first for key in content))
    names = every[:NAMED_KEYS] + [name for name in every[NAMED_KEYS:] if is_usual(name)]
    return names, [[content.get(name) for name in names] for content in first]


def _rows(objects: Objects, layout: Layout, origin: str) -> Iterator[Row]:
    """A key may be missing in some objects, but not in all."""
    keys: dict[Any, None] = {}
    number = 0
    for number, row in objects:  # used after the loop
        if len(keys) < NAMED_KEYS:
            keys |= dict.fromkeys(row)
        else:
            keys |= dict.fromkeys(column for column in layout.columns if column in row)
        yield layout.row(number, [row.get(column) for column in layout.columns])
    if number:
        check_columns(list(keys), layout, origin)


def _line_objects(member: Member, encoding: str) -> Objects:
    """Empty lines are no rows."""
    number = 0
    for line_number, line in enumerate(decoded(member.lines(), member.origin, encoding), 1):
        if content := line.strip():
            number += 1
            where = f"line {line_number} of {member.origin}"
            yield number, _object(_parsed(content, where), where)


def _array_objects(array: Iterable[Any], origin: str, by_number: bool) -> Objects:
    """The objects of an array; rows that are arrays become objects, with numbers or the first row's values as keys."""
    rows = iter(array)
    first = next(rows, None)
    if isinstance(first, list):
        arrays = _even([first, *rows], origin)
        keys = list(range(1, len(first) + 1)) if by_number else [str(key) for key in next(arrays)]
        rows = (dict(zip(keys, row, strict=True)) for row in arrays)
    elif first is not None:
        rows = chain([first], rows)
    for number, row in enumerate(rows, 1):
        yield number, _object(row, f"row {number} of {origin}")


def _even(arrays: Sequence[Any], origin: str) -> Iterator[list[Any]]:
    """The arrays, which must have as many values as the first one."""
    for number, row in enumerate(arrays, 1):
        if not isinstance(row, list) or len(row) != len(arrays[0]):
            width = f"an array of {len(row)}" if isinstance(row, list) else f"not an array but {json.dumps(row)[:40]}"
            raise DataError(f"row {number} of {origin} is {width}; allowed: an array of {len(arrays[0])}, as row 1 is")
        yield row


def _content(member: Member, encoding: str) -> Any:
    return _parsed(decode(member.read(), member.origin, encoding).removeprefix("\ufeff"), member.origin)


def _array(content: Any, origin: str, part: str | None = None) -> Iterable[Any]:
    """The rows of an array, of the only array in an object, or of a table that pandas wrote.

    If `part` is given, the rows are under this key of `content`.

    Raises:
        DataError: `content` has no rows; the message says what it is instead.
    """
    if part is not None:
        return _array(content[part], origin)
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        raise DataError(f"{origin} is not a JSON array but {json.dumps(content)[:40]!r}; allowed: [{{…}}, {{…}}]")
    names, rows = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(rows, list):
        if faults := [row for row in rows if not isinstance(row, list) or len(row) != len(names)]:
            raise DataError(f"{origin} has the columns {listed(names)}, but a row {json.dumps(faults[0])[:40]}")
        return (dict(zip(names, row, strict=True)) for row in rows)
    arrays = [value for value in content.values() if isinstance(value, list)]
    if len(arrays) == 1 and all(isinstance(row, dict | list) for row in arrays[0]):
        return arrays[0]
    if _are_records(content):
        return content.values()
    columns = [list(value.values()) if isinstance(value, dict) else value for value in content.values()]
    are_even = all(isinstance(column, list) for column in columns) and len(set(map(len, columns))) == 1
    are_rows = are_even and any(isinstance(value, dict | list) for column in columns for value in column[:1])
    if len(columns) > 1 and are_even and not are_rows:
        return (dict(zip(content, values, strict=True)) for values in zip(*columns, strict=True))
    raise DataError(
        f"{origin} is one JSON object with the keys {listed(list(content))}; allowed: an array [{{…}}, {{…}}], one "
        "object per line, or an array for each of train, test and optionally validation"
    )


def _are_records(content: Mapping[str, Any]) -> bool:
    """Whether an object holds a row under each key, as {"id1": {"text": …}, …}, and not a column, as pandas does."""
    rows = list(content.values())
    if not all(isinstance(row, dict) for row in rows) or len(rows) < 2:
        return False
    return all(row.keys() == rows[0].keys() for row in rows) and not all(map(str.isdecimal, rows[0]))


def _parsed(content: str, where: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not valid JSON: {error}") from None


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f'{where} is not a JSON object but {json.dumps(row)[:40]}; allowed: {{"text": …, "label": …}}')
    if not any(isinstance(value, dict) for value in row.values()):
        return row
    try:
        return _unique_keys(list(_flat(row)))
    except ValueError as error:
        raise DataError(f"{where} cannot be read: {error} when the keys of nested objects are joined by dots") from None


def _flat(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """{"review": {"text": 1}} as review.text: 1."""
    for key, value in row.items():
        if isinstance(value, dict) and value:
            yield from ((f"{key}.{inner}", content) for inner, content in _flat(value))
        else:
            yield key, value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is repeated")
    return result
