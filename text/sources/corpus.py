"""Stores documents between a parser and data/raw: texts on disk, a few numbers for each document in memory.

`collect` writes a parser's documents to one Arrow file for each split, and keeps the label, text key and length of each
document in memory: 16 bytes for each, however long the texts are. `write` turns chosen rows of such a file into
Parquet.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.errors import DataError
from text.cleaning import cleaned
from text.sources.labels import objection

Batches = Iterable[tuple[str, pa.RecordBatch]]  # (split, documents)

SCHEMA = pa.schema([("id", pa.string()), ("text", pa.string()), ("label", pa.string())])
LABEL = pa.field("label", pa.int32())
UNLABELLED = "unlabelled"
ALL = "all"  # the split of documents in data sets without splits

MOST_CLASSES = 1000  # tables and figures have a cell for each pair of classes

# A batch and a Parquet row group end at the limit that is reached first.
BATCH_ROWS = 8192
BATCH_CHARACTERS = 2**23


class Document(NamedTuple):
    """A document as a parser yields it; None is a missing text or label, an empty text is a text."""

    split: str
    id: str
    text: str | None
    label: str | None


@dataclass
class Split:
    """The documents of one split as read; `labels`, `keys` and `lengths` have one entry a document."""

    path: Path  # Arrow IPC file: id, text and the data set's extra columns
    labels: NDArray[np.int32]  # index of the class; -1: unlabelled, or a class that is left out
    keys: NDArray[np.uint64]  # equal for equal texts; random numbers that depend on the seed
    lengths: NDArray[np.int32]  # in whitespace tokens
    missing: int  # rows dropped, since their text or label is missing
    columns: list[str]  # the data set's extra columns

    @property
    def labelled(self) -> bool:
        """Whether the documents have classes."""
        return self.path.stem != UNLABELLED


def batches(documents: Iterable[Document], clean: Collection[str] = ()) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The documents in record batches of SCHEMA, each of one split; texts are cleaned as `clean` says."""
    waiting: dict[str, list[Document]] = {}  # of each split
    characters_of: dict[str, int] = {}  # characters of each split but the current one
    split, rows, characters = "", [], 0
    for document in documents:
        if clean and document.text is not None:
            document = document._replace(text=cleaned(document.text, clean))
        if document.split != split:
            characters_of[split], split = characters, document.split
            rows, characters = waiting.setdefault(split, []), characters_of.get(split, 0)
        if rows and (len(rows) == BATCH_ROWS or characters > BATCH_CHARACTERS):
            yield _batch(rows)
            rows.clear()
            characters = 0
        rows.append(document)
        characters += len(document.text or "")
    yield from (_batch(rows) for rows in waiting.values() if rows)


def table_batches(tables: Mapping[str, pa.Table], names: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The batches of tables whose column label holds indices of `names`."""
    for split, table in tables.items():
        labels = pa.chunked_array([pa.array(names).take(chunk) for chunk in table["label"].chunks], pa.string())
        table = table.set_column(table.schema.get_field_index("label"), "label", labels)
        for batch in table.to_batches(BATCH_ROWS):
            yield split, batch


def _batch(rows: list[Document]) -> tuple[str, pa.RecordBatch]:
    return rows[0].split, pa.record_batch([[row[i] for row in rows] for i in (1, 2, 3)], schema=SCHEMA)


def collect(parsed: Batches, folder: Path, seed: int) -> tuple[dict[str, Split], list[str]]:
    """Stores the texts in `folder`; returns the splits, and the label names in order of first occurrence.

    Batches hold id, text, label (a name; null in the split "unlabelled"), then the data set's extra columns.

    Raises:
        DataError: there are more than MOST_CLASSES classes.
    """
    names: dict[str, int] = {}
    collectors: dict[str, _Collector] = {}
    try:
        for split, batch in parsed:
            if split not in collectors:
                collectors[split] = _Collector(folder / f"{split}.arrow", split != UNLABELLED, batch.schema, seed)
            collectors[split].add(batch, names)
            if len(names) > MOST_CLASSES:
                examples = ", ".join(repr(name[:20]) for name in list(names)[:3])
                splits = [collector.finished() for collector in collectors.values()]
                reason = objection(list(names), *counted(splits)) or "is data.label_column the right one?"
                raise DataError(
                    f"the data have more than {MOST_CLASSES} classes, the largest number allowed, among them "
                    f"{examples}; {reason}"
                )
    finally:
        for collector in collectors.values():
            collector.writer.close()
    return {split: collector.finished() for split, collector in collectors.items()}, list(names)


@dataclass
class _Collector:
    path: Path
    labelled: bool
    schema: pa.Schema
    seed: int
    missing: int = 0
    labels: list[NDArray[np.int32]] = field(default_factory=list)
    keys: list[NDArray[np.uint64]] = field(default_factory=list)
    lengths: list[NDArray[np.int32]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.schema = self.schema.remove(self.schema.get_field_index("label"))
        self.writer = pa.ipc.new_file(str(self.path), self.schema)

    def add(self, batch: pa.RecordBatch, names: dict[str, int]) -> None:
        present = batch["text"].is_valid()
        if self.labelled:
            present = pa.compute.and_(present, batch["label"].is_valid())
        rows = batch.filter(present)
        self.missing += batch.num_rows - rows.num_rows
        texts = rows["text"].to_pylist()
        labels = (
            [names.setdefault(name, len(names)) for name in rows["label"].to_pylist()]
            if self.labelled
            else [-1] * len(texts)
        )
        self.labels.append(np.array(labels, dtype=np.int32))
        self.keys.append(np.array([_key(text, self.seed) for text in texts], dtype=np.uint64))
        self.lengths.append(np.array([len(text.split()) for text in texts], dtype=np.int32))
        self.writer.write_batch(rows.select(self.schema.names))

    def finished(self) -> Split:
        return Split(
            self.path,
            np.concatenate(self.labels),
            np.concatenate(self.keys),
            np.concatenate(self.lengths),
            self.missing,
            self.schema.names[2:],
        )


def counted(splits: Iterable[Split]) -> tuple[int, int]:
    """The number of labelled documents, and the number of different texts among them."""
    keys = [split.keys for split in splits if split.labelled]
    return sum(map(len, keys)), len(np.unique(np.concatenate(keys))) if keys else 0


def relabel(splits: Mapping[str, Split], names: Sequence[str], new_names: Sequence[str]) -> None:
    """Turns labels from indices of `names` into indices of `new_names`; those that are not there become -1."""
    position = {name: index for index, name in enumerate(new_names)}
    new = np.array([position.get(name, -1) for name in names], dtype=np.int32)
    for split in splits.values():
        if split.labelled:
            split.labels = new[split.labels]


def _key(text: str, seed: int) -> int:
    # Among 10 million texts, the probability that two different ones share a key is 3 in a million. Such texts would be
    # treated as equal.
    return int.from_bytes(
        hashlib.blake2b(text.encode(), digest_size=8, salt=seed.to_bytes(8, "little")).digest(), "little"
    )


def write(
    folder: Path, split: str, source: Split, rows: NDArray[np.bool_], names: Sequence[str], content: "hashlib._Hash"
) -> None:
    """Writes the chosen `rows` of `source` (one entry a document) to <folder>/<split>.parquet.

    `content` is updated with one JSON line a document: split, id, text, label name, extra columns.
    """
    with pa.memory_map(str(source.path)) as file:
        reader = pa.ipc.open_file(file)
        schema = reader.schema.insert(2, LABEL) if source.labelled else reader.schema
        with pq.ParquetWriter(
            folder / f"{split}.parquet", schema, compression="zstd", use_dictionary=False, write_page_checksum=True
        ) as writer:
            for group in _row_groups(_chosen(reader, source, rows), schema):
                writer.write_table(group)
                for row in group.to_pylist():
                    if source.labelled:
                        row["label"] = names[row["label"]]
                    content.update(json.dumps([split, *row.values()], ensure_ascii=False).encode() + b"\n")


def _chosen(reader: Any, source: Split, rows: NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    """The chosen documents, with their labels."""
    start = 0
    for number in range(reader.num_record_batches):
        batch = reader.get_batch(number)
        here = slice(start, start := start + batch.num_rows)
        if source.labelled:
            batch = batch.add_column(2, LABEL, pa.array(source.labels[here]))
        yield batch.filter(pa.array(rows[here]))


def _row_groups(chosen: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The documents in tables of the size of a row group."""
    waiting: list[pa.RecordBatch] = []
    for batch in chosen:
        waiting.append(batch)
        if sum(b.num_rows for b in waiting) >= BATCH_ROWS or sum(b.nbytes for b in waiting) >= BATCH_CHARACTERS:
            yield pa.Table.from_batches(waiting, schema)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting, schema)
