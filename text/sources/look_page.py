"""What a source holds, in plain text, with the section `data` of params.yaml to paste: for `python -m commands.look`.

The stage download prints this page, too, if a column is neither set nor unambiguous.
"""

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML

from config.data import DataParams
from text.sources import column_choice
from text.sources.archives import names
from text.sources.arrangement import Arrangement, arrange
from text.sources.column_choice import Head, Unclear
from text.sources.columns import Column, Layout, listed, shown
from text.sources.corpus import ALL
from text.sources.encodings import AUTO
from text.sources.look import FOUND_COLUMNS, Look, ignored_by_reason, look
from text.sources.quotes import NAMES
from text.sources.readers import CSV, TEXT_FORMATS

EXAMPLES = 2
EXAMPLES_AMONG = 1000  # rows, of which the first with a label is shown
VALUES = 5  # of a column with few
WIDTH = 60  # characters of an example
NAME_WIDTH = 32  # of a column's name
FILES_SHOWN = 12
NO_SPLIT = "no split in its name"
CONTENTS = {  # of columns
    **{"text": "prose", "label": "few values", "number": "numbers", "index": "row numbers", "empty": "empty"},
    **{"split": "splits", "other": "other"},
}


def layout_of(data: DataParams) -> Layout:
    """The columns and the encoding that params.yaml sets."""
    texts = data.text_columns()
    text = texts if len(texts) > 1 else texts[0] if texts else None
    return Layout(text, data.label_column, data.encoding, binned=data.bins is not None)


def page(path: Path, data: DataParams) -> str:
    """The page about `path`, the file or folder that `data.source` stands for.

    Raises:
        DataError: the files are no data set, or cannot be read.
    """
    try:
        lines = _clear(look(path, layout_of(data)), data)
    except Unclear as question:
        lines = _unclear(question, arrange(names(path), path), data)
    return "\n".join(lines)


def _clear(found: Look, data: DataParams) -> Iterator[str]:
    yield "files:"
    if found.arrangement.class_of:
        yield from _folders(found)
    for name, file in [] if found.arrangement.class_of else list(found.files.items())[:FILES_SHOWN]:
        facts = [NO_SPLIT if file.split == ALL else file.split, file.format]
        if file.format == CSV:
            facts.append(f"separated by {NAMES[file.layout.delimiter or ',']}")
        if file.format in (CSV, "Excel"):
            facts.append("without a header" if file.layout.by_number else "with a header")
        if file.format in TEXT_FORMATS:
            facts.append(file.layout.encoding)
        if labels := found.arrangement.label_file_of.get(name):
            facts.append(f"labels in {labels}")
        if label := found.arrangement.class_of_lines.get(name):
            facts.append(f"one document of the class {label} per line")
        yield f"  {name}: {', '.join(facts)}"
    if len(found.files) > FILES_SHOWN and not found.arrangement.class_of:
        yield f"  and {len(found.files) - FILES_SHOWN:,} more"
    yield from _ignored(found.arrangement)
    for note in found.notes:
        if not note.startswith(FOUND_COLUMNS):  # which the columns below show
            yield f"note: {note}"
    for each in found.class_names:
        examples = listed(list(each.by_label.values()) or each.in_order)
        yield f"class names, if the labels are their numbers: {each.file}: {examples}"
    if found.head:
        yield from _columns(found.head, found.layout)
    yield "examples:"
    first_of_label: dict[Any, Any] = {}
    for row in found.examples(EXAMPLES_AMONG):
        first_of_label.setdefault(row.label, row.text)
    for label, text in list(first_of_label.items())[:EXAMPLES]:
        yield f"  {_short(label)}: {_short(' '.join(map(str, text)) if isinstance(text, tuple) else text)}"
    arrangement = found.arrangement
    has_labels = not (arrangement.class_of or arrangement.class_of_lines or arrangement.class_of_table)
    is_table = has_labels and not arrangement.label_file_of
    yield from _section(data, found.layout if is_table else Layout(None, None, found.layout.encoding), {})


def _folders(found: Look) -> Iterator[str]:
    """A line for each folder of documents."""
    folders = Counter((str(PurePosixPath(name).parent), file.split) for name, file in found.files.items())
    for (folder, split), files in list(folders.items())[:FILES_SHOWN]:
        shown_split = NO_SPLIT if split == ALL else split
        yield f"  {folder}/: {shown_split}, {files:,} documents of the class {PurePosixPath(folder).name}"
    if len(folders) > FILES_SHOWN:
        yield f"  and {len(folders) - FILES_SHOWN:,} more folders"


def _unclear(question: Unclear, arrangement: Arrangement, data: DataParams) -> Iterator[str]:
    yield "files:"
    for name, split in list(arrangement.split_of.items())[:FILES_SHOWN]:
        yield f"  {name}: {NO_SPLIT if split == ALL else split}"
    yield from _ignored(arrangement)
    yield from _columns(question.head, question.layout)
    yield f"to decide: {question}"
    head, layout, comments = question.head, question.layout, {}
    if question.of_header:
        as_header = Head([str(value) for value in head.rows[0]], head.rows[1:])
        comments = dict.fromkeys(("text_column", "label_column"), "a number if the first row is a document")
        head = as_header
    label = layout.label if layout.label is not None else next(iter(column_choice.labels(head, layout)), None)
    texts = list(layout.texts) or column_choice.texts(head, label if label is not None else "")
    for key, candidates in (("label_column", column_choice.labels(head, layout)), ("text_column", texts)):
        if len(candidates) > 1 and key not in comments:
            comments[key] = f"or {' or '.join(map(str, candidates[1 if key == 'label_column' else 0 :]))}"
        elif not candidates:
            comments[key] = f"choose one of {', '.join(map(str, head.columns()))}"
    text: Any = tuple(texts) if len(texts) > 1 else texts[0] if texts else None
    yield from _section(data, layout._replace(text=text, label=label), comments)


def _ignored(arrangement: Arrangement) -> Iterator[str]:
    if arrangement.ignored:
        yield "ignored:"
        for line in ignored_by_reason(arrangement):
            yield f"  {line}"


def _columns(head: Head, layout: Layout) -> Iterator[str]:
    """A line for each column: what it is taken for, its name, what it holds."""
    yield f"columns, judging by the first {len(head.rows):,} rows:"
    kinds = column_choice.kinds(head)
    width = min(max(len(shown(column)) for column in head.columns()), NAME_WIDTH)
    for index, column in enumerate(head.columns()):
        role = "text" if column in layout.texts else "label" if column == layout.label else ""
        role = "split" if column == layout.split else role
        present = [row[index] for row in head.rows if row[index] not in (None, "")]
        if kinds[column] == "label":
            different = sorted(set(map(str, present)))
            more = f" and {len(different) - VALUES} more" if len(different) > VALUES else ""
            values = ", ".join(map(_short, different[:VALUES])) + more
        else:
            values = ", ".join(map(_short, present[:EXAMPLES]))
        yield f"  {role:5} {shown(column):{width}}  {CONTENTS[kinds[column]]:11}  {values}".rstrip()


def _short(value: Any) -> str:
    if isinstance(value, str):
        return repr(value) if len(value) <= WIDTH else f"{value[:WIDTH]!r}…"
    text = repr(value)
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"


def _section(data: DataParams, layout: Layout, comments: dict[str, str]) -> Iterator[str]:
    """The section for params.yaml."""
    values: dict[str, Any] = {"name": "custom", "source": data.source}
    if layout.columns or comments:
        values |= {"text_column": _value(layout.text), "label_column": _value(layout.label)}
    if layout.encoding not in ("utf-8", AUTO):
        values["encoding"] = layout.encoding
    written = io.StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.dump({"data": values}, written)
    yield "for params.yaml:"
    for line in written.getvalue().splitlines():
        comment = comments.get(line.strip().partition(":")[0])
        yield f"{line}  # {comment}" if comment else line


def _value(column: Column | tuple[Column, ...] | None) -> Any:
    if isinstance(column, tuple):
        from ruamel.yaml.comments import CommentedSeq

        sequence = CommentedSeq(column)
        sequence.fa.set_flow_style()
        return sequence
    return column
