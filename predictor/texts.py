"""The texts to classify: given ones, lines of a stream, or rows of a table, in chunks of bounded size."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from core.errors import DataError
from text.sources.columns import Column, Layout
from text.sources.custom import document_text, label_name, source_rows
from text.sources.labels import Spellings
from text.sources.lines import decoded
from text.sources.look import look

# A chunk ends at the limit that is reached first.
CHUNK_TEXTS = 8192
CHUNK_CHARACTERS = 2**23


class Row(NamedTuple):
    """A text and its label, each None if missing, and the row's number from 1; `label` is also None if not read."""

    number: int
    text: str | None
    label: str | None = None


def given(texts: Iterable[str]) -> Iterator[Row]:
    """Texts from the command line."""
    for number, text in enumerate(texts, 1):
        yield Row(number, text)


def lines(stream: IO[bytes], encoding: str) -> Iterator[Row]:
    """The lines of `stream`, standard input, as texts; an empty line is an empty text.

    Raises:
        DataError: a line is not valid in `encoding`.
    """
    for number, line in enumerate(decoded(stream, "standard input", encoding), 1):
        yield Row(number, line.rstrip("\r\n"))


class TableFile:
    """A file with a table, in any format that the stage download reads. It can be read several times.

    Attributes:
        notes: lines that say how the file was read; complete once all rows were read.
    """

    def __init__(self, path: Path, text: Column | tuple[Column, ...], label: Column | None, encoding: str) -> None:
        self._path = path
        self._labelled = label is not None
        first = text[0] if isinstance(text, tuple) else text
        # Without labels the text column stands for both.
        self._layout = Layout(text, label or first, encoding, keys=("--text-column", "--label-column"))
        self.notes: list[str] = []
        if not path.is_file():
            raise DataError(f"--file is '{path}'; {'allowed: a file' if path.exists() else 'there is no such file'}")
        if label is not None and isinstance(label, int) != isinstance(first, int):
            raise DataError(
                f"--text-column is {text!r} and --label-column {label!r}; allowed: two names or two numbers"
            )

    def rows(self) -> Iterator[Row]:
        """All rows.

        Raises:
            DataError: names the file and, if possible, the line that cannot be read.
        """
        spellings, self.notes = Spellings(), []
        source = look(self._path, self._layout)
        for number, row in enumerate(source_rows(source, self.notes), 1):
            label = label_name(row.label, source.layout, row.where, spellings) if self._labelled else None
            yield Row(number, document_text(row.text, source.layout, row.where), label)


def chunks(texts: Iterable[Row], most: int = CHUNK_TEXTS) -> Iterator[list[Row]]:
    """Up to `most` rows at a time, fewer where they are long."""
    chunk: list[Row] = []
    characters = 0
    for row in texts:
        chunk.append(row)
        characters += len(row.text or "")
        if len(chunk) == most or characters > CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
