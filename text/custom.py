"""A user's own data: one table, or train, test and optionally validation tables (text/tables.py).

What counts as missing: null, NaN, an absent JSON key, and an empty label. An empty text is a text. Labels are names:
surrounding white space is left out, and numbers of JSON and Parquet are written shortly (1.0 is the class 1).
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from errors import DataError
from text.archives import members, names
from text.corpus import Document
from text.splits import ALL
from text.tables import READERS, Wanted, listed

SPLITS = {"train": "train", "test": "test", "validation": "validation", "valid": "validation", "dev": "validation"}
MENDS = {
    ".xlsx": "save its sheet as CSV",
    ".xls": "save its sheet as CSV",
    ".json": ".jsonl has one object a line",
    ".txt": "call it .csv or .tsv if that is what it holds",
}
NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")  # what no XML takes, and line ends
LONGEST_LABEL = 200  # characters; it names a class in tables and figures


def parse(paths: Sequence[Path], wanted: Wanted) -> Iterator[Document]:
    """The documents in the fetched `paths`: one file, or one folder or archive that holds the files.

    Raises:
        DataError: one line that names the file, and where it can the line, that cannot be read.
    """
    [path] = paths
    split_of = _assign(path, names(path))
    for member in members(path, lambda name: name in split_of):
        split = split_of[member.name]
        read = READERS[PurePosixPath(member.name).suffix.lower()]
        number = 0
        for number, text, label in read(member, wanted):
            where = f"row {number} of {member.origin}"
            yield Document(
                split, f"{split}/{number}", _text(text, wanted.text, where), _label(label, wanted.label, where)
            )
        if number == 0:
            raise DataError(
                f"{member.origin} holds no rows; expected {wanted.text!r} and {wanted.label!r} of documents"
            )


def sorted_labels(names: Iterable[str]) -> list[str]:
    """Label names in the order of their classes: as numbers if all are, else by alphabet."""
    result = sorted(names)
    try:
        numbers = {name: float(name) for name in result}
    except ValueError:
        return result
    return sorted(result, key=numbers.__getitem__) if all(map(math.isfinite, numbers.values())) else result


def _assign(path: Path, found: list[str]) -> dict[str, str]:
    """The split of each file that is to be read: by its name, or ALL where there is but one file."""
    readable = [name for name in found if PurePosixPath(name).suffix.lower() in READERS]
    if len(readable) == 1:
        return {readable[0]: ALL}
    split_of = {name: SPLITS[stem] for name in readable if (stem := PurePosixPath(name).stem.lower()) in SPLITS}
    if not readable:
        mend = f"; {MENDS[suffix]}" if (suffix := path.suffix.lower()) in MENDS else ""
        raise DataError(f"{path} holds no table; found: {listed(found)}; allowed: {', '.join(READERS)}{mend}")
    allowed = f"one file, or train, test and optionally validation, in the formats {', '.join(READERS)}"
    for split in ("train", "test", "validation"):
        files = [name for name, of in split_of.items() if of == split]
        if len(files) > 1:
            raise DataError(f"{path} holds several files for {split}: {', '.join(files)}; allowed: {allowed}")
        if not files and split != "validation":
            raise DataError(f"{path} has no file for {split}; found: {listed(found)}; allowed: {allowed}")
    return split_of


def _text(value: Any, column: str | int, where: str) -> str | None:
    """The document; a number is written as one."""
    if value is None or value != value:
        return None
    if not isinstance(value, str | int | float):
        raise DataError(f"column {column!r} holds a {type(value).__name__} in {where}; allowed: text")
    return _encodable(str(value), column, where)


def _label(value: Any, column: str | int, where: str) -> str | None:
    """The name of the class."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float):
        raise DataError(f"column {column!r} holds a {type(value).__name__} in {where}; allowed: text or numbers")
    name = _encodable(str(value).strip(), column, where)
    if len(name) > LONGEST_LABEL:
        raise DataError(
            f"column {column!r} holds {name[:40]!r}… of {len(name)} characters in {where}; "
            f"allowed: at most {LONGEST_LABEL}, which name a class"
        )
    if NO_NAME.search(name):
        raise DataError(f"column {column!r} holds {name!r} in {where}; allowed: one line without control characters")
    return name or None


def _encodable(value: str, column: str | int, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"column {column!r} holds half a surrogate pair in {where}, which is no character") from None
    return value
