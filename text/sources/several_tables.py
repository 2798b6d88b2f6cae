"""Tables whose names say no splits: parts of one set, one for each class, or several sets, of which the user chooses.

They are one set if columns and labels agree: `amazon.txt`, `imdb.txt`, `yelp.txt`. Each holds a class if its name is a
usual name of one (`Fake.csv`, `True.csv`), or if there is no column with labels. They are several sets if they share
texts or have the same labels in the same order, as translations and cleaned versions have.

The tables may also stand in one file: as sheets of a workbook, or under the keys of a JSON object.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice, pairwise
from pathlib import Path, PurePosixPath

from core.errors import DataError
from text.sources import excel, json_files
from text.sources.archives import Member, ordered
from text.sources.arrangement import Arrangement
from text.sources.column_choice import Head, Unclear, choose_text, labels
from text.sources.columns import Layout, Row, listed, shown
from text.sources.corpus import ALL
from text.sources.file_words import usual_classes
from text.sources.formats import Recognised, format_of_member, recognise
from text.sources.quotes import Quoting, in_first_way
from text.sources.readers import READERS
from text.sources.split_names import assign

SAMPLE_ROWS = 100_000  # of each table, that are compared with those of the others
FEWEST_CHANGES = 10  # from one label to the next
MOST_SHARED = 0.5  # share of the texts of a table that may stand in another one of the same set

Known = Recognised | Unclear


def opened(path: Path, names: Sequence[str], part_of: Mapping[str, tuple[str, str]]) -> Iterator[Member]:
    """The files and tables of these names, in this order."""
    places = [part_of.get(name, (name, None)) for name in names]
    for (_, part), member in zip(places, ordered(path, [file for file, _ in places]), strict=True):
        yield member.of_part(part)


def with_parts(path: Path, arrangement: Arrangement, encoding: str) -> Arrangement:
    """The arrangement of the tables in the only file, if there are several; else the given one."""
    if len(arrangement.split_of) != 1:
        return arrangement
    [file] = arrangement.split_of
    [(parts, alike, origin)] = [(*_parts(member, encoding), member.origin) for member in ordered(path, [file])]
    ignored: dict[str, str] = {}
    split_of = assign(parts, origin, ignored)
    result = Arrangement(ignored=dict(arrangement.ignored))
    if "train" not in split_of.values() or len(set(split_of.values())) < 2:
        if len(alike) < 2:
            return arrangement
        split_of = dict.fromkeys(alike, ALL)
        ignored = dict.fromkeys((part for part in parts if part not in alike), "it has other columns")
        result.refusal = (
            f"{origin} has several sheets with the same columns, {listed(alike)}, which may be several data sets; "
            "allowed: one sheet of documents, or a sheet for each of train, test and optionally validation"
        )
    result.split_of = {f"{file}/{part}": split for part, split in split_of.items()}
    result.part_of = {f"{file}/{part}": (file, part) for part in split_of}
    result.ignored |= {f"{file}/{part}": reason for part, reason in ignored.items()}
    if ignored:
        result.notes.append(f"ignored tables in {file}: {listed(list(ignored))}")
    result.replace_test_split()
    return result


def _parts(member: Member, encoding: str) -> tuple[list[str], list[str]]:
    """The names of the tables in a file, and those of sheets that begin with the same row as the longest one."""
    with member.file() as file:
        kind = format_of_member(member.name, file)
        if kind == "JSON array":
            return json_files.parts(member.at(file), encoding), []
        return excel.sheets(member.at(file)) if kind == "Excel" else ([], [])


def settle(path: Path, arrangement: Arrangement, layout: Layout) -> tuple[Layout, Head | None]:
    """Decides how several tables belong together, and records that in `arrangement`.

    Returns:
        The layout with the columns of all tables, and the first rows of the first table (None if the user set both
        columns).

    Raises:
        Unclear: the user must set a column.
        DataError: the tables do not belong together, or it is unclear how.
    """
    tables = dict(_known(path, arrangement, layout))
    first = next(iter(tables.values()))
    if not all(_have_same_columns(first, table) for table in tables.values()):
        raise DataError(arrangement.refusal)
    classes = {} if layout.label is not None else _classes(tables)
    if classes and first.head is not None:
        chosen = choose_text(first.head, first.layout._replace(text=layout.text, label=None), str(path))
        chosen = chosen._replace(label=chosen.texts[0])  # the label is not read
        note = f"a table for each class, text in {shown(chosen.text)}: {_shown(classes)}"
    elif question := next((table for table in tables.values() if isinstance(table, Unclear)), None):
        raise question
    else:
        chosen = first.layout
        note = f"read as one data set, since columns and labels agree: {listed(list(tables))}"
    members = opened(path, list(tables), arrangement.part_of)
    samples = [_sample(member, chosen) for member in members]
    labels_of = [[str(row.label).strip() for row in rows] for rows in samples]
    choice = f"data.source may name one, such as {path / next(iter(tables))}"
    if arrangement.part_of:
        choice = "keep one of these sheets"
    if _share_texts(samples) or (not classes and _are_in_same_order(labels_of)):
        raise DataError(
            f"{path} holds {listed(list(tables))}, which seem to be versions of one data set: they share texts, or "
            f"have the same labels in the same order; {choice}"
        )
    if not classes and layout.label is None and not _agree([set(labels) for labels in labels_of]):
        raise DataError(
            f"{path} holds {listed(list(tables))}, whose labels in the column {shown(chosen.label)} differ; if they "
            f"are one data set, set data.label_column; else {choice}"
        )
    arrangement.class_of_table = classes
    arrangement.notes.append(note)
    return chosen._replace(delimiter=None), first.head


def _known(path: Path, arrangement: Arrangement, layout: Layout) -> Iterator[tuple[str, Known]]:
    """What is known about each table."""
    names = list(arrangement.split_of)
    for name, member in zip(names, opened(path, names, arrangement.part_of), strict=True):
        try:
            yield name, recognise(member, layout)
        except Unclear as question:
            yield name, question
        except DataError:
            raise DataError(arrangement.refusal) from None


def _have_same_columns(one: Known, other: Known) -> bool:
    if isinstance(one, Recognised) and isinstance(other, Recognised) and one.layout[:2] != other.layout[:2]:
        return False
    return one.head is None or other.head is None or one.head.columns() == other.head.columns()


def _classes(tables: Mapping[str, Known]) -> dict[str, str]:
    """The class of each table, by its name; none if they have labels, or may have some."""
    if any(table.head is None for table in tables.values()):
        return {}
    if classes := usual_classes(tables):
        return classes
    stems = {name: PurePosixPath(name).stem for name in tables}
    have_labels = any(labels(table.head, table.layout) for table in tables.values() if table.head)
    return {} if have_labels or len(set(stems.values())) < len(stems) else stems


def _sample(member: Member, layout: Layout) -> list[Row]:
    """The first rows, with quotation marks read in the first way that is possible."""
    with member.file() as file:
        table = recognise(member.at(file), layout._replace(delimiter=None))

        def rows(quoting: Quoting) -> list[Row]:
            file.seek(0)
            content = READERS[table.format](member.at(file), table.layout._replace(**quoting._asdict()))
            return list(islice(content, SAMPLE_ROWS))

        return in_first_way(rows)


def _share_texts(samples: Sequence[Sequence[Row]]) -> bool:
    """Whether most texts of a table stand in another one."""
    texts = [{str(row.text) for row in rows} for rows in samples]
    return any(len(one & other) > MOST_SHARED * min(len(one), len(other)) for one, other in combinations(texts, 2))


def _are_in_same_order(labels_of: Sequence[Sequence[str]]) -> bool:
    """Whether two tables have the same labels in an order that is neither chance nor by class."""
    return any(
        one == other and sum(a != b for a, b in pairwise(one)) >= max(FEWEST_CHANGES, 2 * len(set(one)))
        for one, other in combinations(labels_of, 2)
    )


def _agree(label_sets: Sequence[set[str]]) -> bool:
    """Whether at least half of the labels of each table are in all tables."""
    common = set.intersection(*label_sets)
    return all(2 * len(common) >= len(labels) for labels in label_sets) and bool(common)


def _shown(classes: Mapping[str, str]) -> str:
    return ", ".join(f"{name} holds {label!r}" for name, label in list(classes.items())[:5])
