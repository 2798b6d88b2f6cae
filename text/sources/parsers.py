"""The formats of the catalogue's data sets: each function reads the downloaded files and yields their documents.

All have the same signature: `paths` are the downloaded files, or one folder or archive that holds them; `splits` maps
the name of each split to read to its file or folder. Ids are "<split>/<line>" of the official
split, and stay the same when validation documents are split off the training documents.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from core.errors import DataError
from text.sources.archives import Member, members, names
from text.sources.columnar import parquet_rows
from text.sources.columns import Layout
from text.sources.corpus import UNLABELLED, Document
from text.sources.delimited import csv_rows
from text.sources.lines import decode, numbered_lines

Splits = Mapping[str, str]
Labels = Mapping[str, str]  # label in the file: name of the class
Parser = Callable[[Sequence[Path], Splits, Labels], Iterator[Document]]


def imdb(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """The tree aclImdb/{train,test}/{neg,pos,unsup}/<number>_<rating>.txt; sorted, since archives have any order."""
    pattern = re.compile(r"(?:^|.*/)(train|test)/(neg|pos|unsup)/(\d+)_(\d+)\.txt$")

    def key(name: str) -> tuple[str, str, int, int] | None:
        match = pattern.match(name)
        if match is None or (UNLABELLED if match[2] == "unsup" else match[1]) not in splits:
            return None
        return match[1], match[2], int(match[3]), int(match[4])

    texts: dict[tuple[str, str, int, int], str] = {}
    for path in paths:
        for member in members(path, lambda name: key(name) is not None):
            place = key(member.name)
            assert place is not None  # else members would have skipped it
            if place in texts:
                raise DataError(f"{member.origin} occurs twice; allowed: once")
            texts[place] = decode(member.read(), member.origin)
    if not texts:
        raise DataError(f"{', '.join(map(str, paths))} holds no files such as aclImdb/train/pos/0_9.txt")
    for place in sorted(texts):
        part, kind, number, rating = place
        split = UNLABELLED if kind == "unsup" else part
        yield Document(split, f"{part}/{kind}/{number}_{rating}", texts.pop(place), labels.get(kind))


def nsmc(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """Lines `id <tab> document <tab> label` after a header; quotes are mere text."""
    for split, member in _files(paths, splits):
        for number, line in numbered_lines(member.lines()):
            where = f"line {number} of {member.origin}"
            fields = decode(line, where).rstrip("\r\n").split("\t")
            if len(fields) != 3:
                raise DataError(f"{where} has {len(fields)} fields; expected 3: id, document, label")
            if number > 1:
                yield Document(split, f"{split}/{number - 1}", fields[1], _label(fields[2], labels, where))


def label_text_lines(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """Lines `label text`; a line that is not UTF-8 is Latin-1, as one of TREC's is."""
    for split, member in _files(paths, splits):
        for number, line in numbered_lines(member.lines()):
            try:
                content = line.decode()
            except UnicodeDecodeError:
                content = line.decode("latin-1")
            label, _, text = content.rstrip("\r\n").partition(" ")
            where = f"line {number} of {member.origin}"
            yield Document(split, f"{split}/{number}", text, _label(label, labels, where))


def ag_news(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """Rows `class,title,description` without a header; the text is both, backslashes are kept."""
    for split, row, where, fields in _csv(paths, splits):
        if len(fields) != 3:
            raise DataError(f"{where} has {len(fields)} fields; expected 3: class, title, description")
        yield Document(split, f"{split}/{row}", f"{fields[1]} {fields[2]}", _label(fields[0], labels, where))


def dbpedia(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    r"""Rows `class,title,content` without a header; \n stands for a line break."""
    for document in ag_news(paths, splits, labels):
        yield document._replace(text=(document.text or "").replace("\\n", "\n"))


def yelp(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    r"""Rows `class,text` without a header; \n stands for a line break."""
    for split, row, where, fields in _csv(paths, splits):
        if len(fields) != 2:
            raise DataError(f"{where} has {len(fields)} fields; expected 2: class, text")
        yield Document(split, f"{split}/{row}", fields[1].replace("\\n", "\n"), _label(fields[0], labels, where))


def banking77(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """Rows `text,category` after a header; the categories are the classes."""
    for split, row, where, fields in _csv(paths, splits):
        if len(fields) != 2:
            raise DataError(f"{where} has {len(fields)} fields; expected 2: text, category")
        if row > 1:
            yield Document(split, f"{split}/{row - 1}", fields[0], fields[1])


def label_tab_text(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """Lines `class <tab> text`."""
    for split, member in _files(paths, splits):
        for number, line in numbered_lines(member.lines()):
            where = f"line {number} of {member.origin}"
            label, tab, text = decode(line, where).rstrip("\r\n").partition("\t")
            if not tab:
                raise DataError(f"{where} has no tab; expected: class, tab, text")
            yield Document(split, f"{split}/{number}", text, label)


def parquet(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """Parquet files with the columns text and label, a number, which the file's own metadata may name."""
    for split, member in _files(paths, splits):
        for number, text, label, _ in parquet_rows(member, Layout("text", "label")):
            where = f"row {number} of {member.origin}"
            name = label if label in labels.values() else _label(str(label), labels, where)
            yield Document(split, f"{split}/{number}", text, name)


def class_folders(paths: Sequence[Path], splits: Splits, labels: Labels) -> Iterator[Document]:
    """The tree <split>/<class>/<document>, with files in Latin-1; sorted by split, class and name."""
    split_of = {folder: split for split, folder in splits.items()}
    texts: dict[tuple[str, str, str], str] = {}
    for path in paths:
        for member in members(path, lambda name: len(name.split("/")) > 2 and name.split("/")[-3] in split_of):
            folder, label, file = member.name.split("/")[-3:]
            texts[split_of[folder], label, file] = member.read().decode("latin-1")
    if lacking := set(splits) - {split for split, _, _ in texts}:
        where = ", ".join(map(str, paths))
        raise DataError(f"{where} holds no files such as {splits[sorted(lacking)[0]]}/<class>/<number>")
    for split, label, file in sorted(texts):
        yield Document(split, f"{split}/{label}/{file}", texts.pop((split, label, file)), label)


def _csv(paths: Sequence[Path], splits: Splits) -> Iterator[tuple[str, int, str, list[str]]]:
    """Split, number, place for a message, and fields of each row."""
    for split, member in _files(paths, splits):
        lines = (decode(line, f"line {number} of {member.origin}") for number, line in numbered_lines(member.lines()))
        for row, (line_number, fields) in enumerate(csv_rows(lines, member.origin), 1):
            yield split, row, f"line {line_number} of {member.origin}", fields


def _files(paths: Sequence[Path], splits: Splits) -> Iterator[tuple[str, Member]]:
    """The file of each split, found by its official name in any folder."""
    of_file = {file: split for split, file in splits.items()}
    file_names = [PurePosixPath(name).name for path in paths for name in names(path)]
    for file in of_file:
        if (times := file_names.count(file)) != 1:
            where = ", ".join(map(str, paths))
            raise DataError(f"{file} occurs {times} times in {where}, which must contain it once: {', '.join(of_file)}")
    for path in paths:
        for member in members(path, lambda name: PurePosixPath(name).name in of_file):
            yield of_file[PurePosixPath(member.name).name], member


def _label(label: str, labels: Labels, where: str) -> str:
    if label not in labels:
        raise DataError(f"{where} has the label {label[:40]!r}; allowed: {', '.join(labels)}")
    return labels[label]
