"""JSON lines (an object a line), JSON arrays (of objects), and JSON of one class: {"GetWeather": [{"data": …}, …]}.

The latter is how SNIPS holds an intent: the texts are in parts. It and arrays are read into memory as a whole.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from core.errors import DataError
from text.sources.archives import Member
from text.sources.columns import Layout, Row, check_columns
from text.sources.lines import decode, decoded

NAMED_KEYS = 100  # different keys that are remembered for an error

Objects = Iterable[tuple[int, dict[str, Any]]]  # number of the row from 1, and its content


def line_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of JSON lines."""
    return _rows(_line_objects(member, layout.encoding), layout, member.origin)


def array_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The rows of a JSON array."""
    return _rows(_array_objects(member, layout.encoding), layout, member.origin)


def class_rows(member: Member, layout: Layout) -> Iterator[Row]:
    """The texts of JSON of one class, whose key is the label."""
    content = _parsed(decode(member.read(), member.origin, layout.encoding).removeprefix("\ufeff"), member.origin)
    try:
        [(label, rows)] = content.items()
        texts = ["".join(part["text"] for part in row["data"]).strip() for row in rows]
    except (AttributeError, KeyError, TypeError, ValueError):
        allowed = '{"class": [{"data": [{"text": "…"}, …]}, …]}'
        raise DataError(f"{member.origin} is not JSON of one class; allowed: {allowed}") from None
    for number, text in enumerate(texts, 1):
        yield number, text, label


def head(member: Member, encoding: str, is_array: bool, rows: int) -> tuple[list[str], list[list[Any]]]:
    """The keys of the first rows, and their values."""
    objects = _array_objects(member, encoding) if is_array else _line_objects(member, encoding)
    first = [content for _, content in islice(objects, rows)]
    names = list(dict.fromkeys(key for content in first for key in content))[:NAMED_KEYS]
    return names, [[content.get(name) for name in names] for content in first]


def _rows(objects: Objects, layout: Layout, origin: str) -> Iterator[Row]:
    """A key may be missing in some objects, but not in all."""
    keys: dict[str, None] = {}
    number = 0
    for number, row in objects:  # used after the loop
        if len(keys) < NAMED_KEYS:
            keys |= dict.fromkeys(row)
        *texts, label = (row.get(column) for column in layout.columns)  # type: ignore[arg-type]
        yield number, texts[0] if len(texts) == 1 else tuple(texts), label
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


def _array_objects(member: Member, encoding: str) -> Objects:
    text = decode(member.read(), member.origin, encoding).removeprefix("\ufeff")
    content = _parsed(text, member.origin)
    if not isinstance(content, list):
        raise DataError(f"{member.origin} is no JSON array but {text.strip()[:40]!r}; allowed: [{{…}}, {{…}}]")
    for number, row in enumerate(content, 1):
        yield number, _object(row, f"row {number} of {member.origin}")


def _parsed(content: str, where: str) -> Any:
    try:
        return json.loads(content, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is no valid JSON: {error}") from None


def _object(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{where} is no JSON object but {json.dumps(row)[:40]}")
    return row


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is repeated")
    return result
