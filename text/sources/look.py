"""Looks at a user's source: which files hold documents, of which split and format, and what their columns are.

`look(path, layout)` reads names and first rows; the documents themselves come from `Look.rows`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

from core.errors import DataError
from text.sources import split_column
from text.sources.archives import Member, members, names, ordered
from text.sources.arrangement import USUAL_TABLES, Arrangement, arrange
from text.sources.class_names import Names, read_names
from text.sources.column_choice import Head
from text.sources.columns import Layout, Row, listed, shown
from text.sources.corpus import ALL
from text.sources.encodings import AUTO, Encodings
from text.sources.formats import LINES, Recognised, format_of, head_like, lacks_labels, recognise
from text.sources.lines import decode, decoded
from text.sources.quotes import Quoting, in_first_way
from text.sources.readers import CLASS_OBJECT, READERS, TEXT_FORMATS
from text.sources.several_tables import opened, settle, with_parts

TEXTS = "text lines"  # beside a file of labels
DOCUMENT = "a document"
FOUND_COLUMNS = "columns found:"


@dataclass(frozen=True)
class File:
    """A file that holds documents; `origin` is its name in errors."""

    name: str
    origin: str
    split: str
    format: str
    layout: Layout
    document: str = ""  # the id of a file that is one document


@dataclass(frozen=True)
class Look:
    """What a source holds; `layout` has both columns."""

    path: Path
    arrangement: Arrangement
    layout: Layout
    files: Mapping[str, File]  # by name, in the order of reading
    head: Head | None = None  # the first rows of the first training file; None: everything was set by the user
    notes: list[str] = field(default_factory=list)
    class_names: list[Names] = field(default_factory=list)  # that files beside the data hold
    split_of_value: Mapping[str, str] = field(default_factory=dict)  # for each value of the column with splits

    def rows(self, quoting: Quoting) -> Iterator[tuple[File, Iterator[Row]]]:
        """The files and their rows."""
        if self.arrangement.class_of:
            yield from self._documents()
        elif self.arrangement.label_file_of:
            yield from self._pairs()
        elif self.arrangement.class_of_lines:
            yield from self._class_files()
        else:
            for file, member in zip(self.files.values(), self.opened(), strict=True):
                rows = READERS[file.format](member, file.layout._replace(**quoting._asdict()))
                label = self.arrangement.class_of_table.get(file.name)
                yield file, rows if label is None else (row._replace(label=label) for row in rows)

    def text_members(self) -> Iterator[tuple[Member, File]]:
        """The tables that are text, with their files."""
        is_text = {name for name, file in self.files.items() if file.format in TEXT_FORMATS}
        for member in members(self.path, is_text.__contains__):
            yield member, self.files[member.name]

    def opened(self) -> Iterator[Member]:
        """The tables, in the order of reading."""
        return opened(self.path, list(self.files), self.arrangement.part_of)

    def examples(self, number: int) -> list[Row]:
        """The first rows, with quotation marks read in the first way that is possible."""
        return in_first_way(
            lambda quoting: list(islice((row for _, rows in self.rows(quoting) for row in rows), number))
        )

    def _documents(self) -> Iterator[tuple[File, Iterator[Row]]]:
        """Each file is a document of its folder's class; all are read into memory, since archives have any order."""
        texts = {
            member.name: decode(member.read(), member.origin, self.layout.encoding).removeprefix("\ufeff")
            for member in members(self.path, self.files.__contains__)
        }
        for name, file in self.files.items():
            yield file, iter([Row(1, texts.pop(name), self.arrangement.class_of[name])])

    def _class_files(self) -> Iterator[tuple[File, Iterator[Row]]]:
        """Each line is a document of the file's class."""
        for member in ordered(self.path, list(self.files)):
            label = self.arrangement.class_of_lines[member.name]
            lines = decoded(member.lines(), member.origin, self.layout.encoding)
            texts = (text for line in lines if (text := line.rstrip("\r\n")).strip())
            yield self.files[member.name], (Row(number, text, label) for number, text in enumerate(texts, 1))

    def _pairs(self) -> Iterator[tuple[File, Iterator[Row]]]:
        """Each line of a file has its label in the same line of another."""
        label_files = set(self.arrangement.label_file_of.values())
        labels = {
            member.name: [line.strip() for line in decoded(member.lines(), member.origin, self.layout.encoding)]
            for member in members(self.path, label_files.__contains__)
        }
        for member in ordered(self.path, list(self.files)):
            name = self.arrangement.label_file_of[member.name]
            yield self.files[member.name], _paired(member, labels.pop(name), name, self.layout.encoding)


def look(path: Path, layout: Layout) -> Look:
    """What `path` contains; columns of `layout` that are None, and the encoding auto, are detected.

    Raises:
        Unclear: the user must set a column.
        DataError: the files are no data set, or cannot be read.
    """
    arrangement = arrange(names(path), path)
    notes: list[str] = []
    if layout.encoding == AUTO:
        encoding, notes = _encoding(path, arrangement)
        layout = layout._replace(encoding=encoding)
    if tables := [name for name in arrangement.ignored if PurePosixPath(name).suffix.lower() in USUAL_TABLES]:
        notes.insert(0, f"ignored tables: {listed(tables)}")
    if arrangement.class_of or arrangement.label_file_of or arrangement.class_of_lines:
        return _without_columns(path, arrangement, layout, [*notes, *arrangement.notes])
    arrangement = with_parts(path, arrangement, layout.encoding)
    set_columns, head = layout[:2], None
    if arrangement.refusal:
        layout, head = settle(path, arrangement, layout)
    first = recognise_first(path, arrangement, layout)
    first = first._replace(head=first.head or head)
    _leave_out_unlabelled(path, arrangement, first)
    notes += arrangement.notes
    files: dict[str, File] = {}
    names_in_order = list(arrangement.split_of)
    for name, member in zip(names_in_order, opened(path, names_in_order, arrangement.part_of), strict=True):
        found = first if not files else recognise(member, first.layout._replace(delimiter=None), first.format)
        files[name] = File(name, member.origin, arrangement.split_of[name], found.format, found.layout)
        notes += [found.note] if found.note else []
    if first.layout[:2] not in (set_columns, ("text", "label")) and not arrangement.class_of_table:
        notes.append(f"{FOUND_COLUMNS} text in {shown(first.layout.text)}, label in {shown(first.layout.label)}")
    names_of_classes = read_names(path, list(arrangement.ignored), first.layout.label)
    result = Look(path, arrangement, first.layout, files, first.head, notes, names_of_classes)
    return _with_split_column(result, first) if set(arrangement.split_of.values()) == {ALL} else result


def _with_split_column(found: Look, first: Recognised) -> Look:
    """Adds the splits that a column gives to `found`, if there is such a column."""
    first_file = opened(found.path, list(found.files)[:1], found.arrangement.part_of)
    for column in [column for member in first_file for column in split_column.candidates(member, first)]:
        different = set[str]().union(*(split_column.values(member, first.layout, column) for member in found.opened()))
        if split_of_value := split_column.splits_of(different):
            files = {
                name: replace(file, layout=file.layout._replace(split=column)) for name, file in found.files.items()
            }
            notes = [*found.notes, f"the column {shown(column)} gives the splits"]
            layout = found.layout._replace(split=column)
            return replace(found, files=files, layout=layout, notes=notes, split_of_value=split_of_value)
        found.notes.append(f"the column {shown(column)} names the split of only some documents; it is not used")
    return found


def _encoding(path: Path, arrangement: Arrangement) -> tuple[str, list[str]]:
    """The encoding of the text files, and a note if it is not UTF-8."""
    encodings = Encodings()
    read = {*arrangement.split_of, *arrangement.label_file_of.values()}
    for member in members(path, read.__contains__):
        with member.file() as file:
            head = file.read(512)
            file.seek(0)
            if format_of(member.name, head) in (*TEXT_FORMATS, "JSON array", CLASS_OBJECT, LINES):
                encodings.add(file, member.origin)
    return encodings.decide()


def recognise_first(path: Path, arrangement: Arrangement, layout: Layout) -> Recognised:
    """The format and columns of the first training file."""
    name = next(iter(arrangement.split_of))  # of the training split, which is the first one
    [found] = [recognise(member, layout) for member in opened(path, [name], arrangement.part_of)]
    return found


def _leave_out_unlabelled(path: Path, arrangement: Arrangement, first: Recognised) -> None:
    """Ignores a test or validation split without labels, such as the test split of a competition."""
    others = [name for name, split in arrangement.split_of.items() if split in ("test", "validation")]
    if others and first.head is None:
        [head] = [
            head_like(member, first) for member in opened(path, list(arrangement.split_of)[:1], arrangement.part_of)
        ]
        first = first._replace(head=head)
    reasons = {
        arrangement.split_of[name]: f"no labels: {reason}"
        for name, member in zip(others, opened(path, others, arrangement.part_of), strict=True)
        if (reason := lacks_labels(member, first))
    }
    for split, reason in reasons.items():
        arrangement.leave_out(split, reason)


def _without_columns(path: Path, arrangement: Arrangement, layout: Layout, notes: list[str]) -> Look:
    short = {name: f"{label}/{PurePosixPath(name).stem}" for name, label in arrangement.class_of.items()}
    times = Counter((arrangement.split_of.get(name), document) for name, document in short.items())
    files = {}
    for name, split in arrangement.split_of.items():
        document = short.get(name, "")
        if times[split, document] > 1:  # pos/1.txt beside pos/1
            document = name
        document = document.encode("utf-8", "backslashreplace").decode()  # a file's name may hold any bytes
        kind = DOCUMENT if document else TEXTS
        files[name] = File(name, f"{name} in {path}", split, kind, layout, document)
    names_of_classes = read_names(path, list(arrangement.ignored), None)
    return Look(path, arrangement, layout._replace(text="text", label="label"), files, None, notes, names_of_classes)


def _paired(member: Member, labels: list[str], name: str, encoding: str) -> Iterator[Row]:
    number = 0
    for number, line in enumerate(decoded(member.lines(), member.origin, encoding), 1):
        if number <= len(labels):
            yield Row(number, line.rstrip("\r\n"), labels[number - 1])
    if number != len(labels):
        raise DataError(f"{member.origin} has {number:,} lines, but {name} has {len(labels):,}; allowed: as many")


def ignored_by_reason(arrangement: Arrangement) -> Iterator[str]:
    """A line for each reason why files are ignored."""
    by_reason = sorted(arrangement.ignored.items(), key=lambda item: item[1])
    for reason, group in groupby(by_reason, key=lambda item: item[1]):
        yield f"{listed([name for name, _ in group])}: {reason}"
