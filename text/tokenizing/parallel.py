"""Tokenizes the splits of a corpus on all cores; memory use does not grow with the corpus.

Each thread tokenizes one Parquet row group at a time. It numbers the row group's tokens, and writes the numbers and the
table of tokens to disk. The vocabulary is then built from the merged counts. A second pass translates the numbers to
those of the vocabulary and truncates the documents. The result does not depend on the number of threads.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray
from pyarrow.feather import read_table, write_feather
from rich.progress import track

from config.choices import TokenizerName, Truncation
from core.constants import UNKNOWN_INDEX
from core.errors import DataError
from text.tokenizing.encoding import never_empty, truncated, vocabulary_numbers
from text.tokenizing.token_file import SCHEMA, record_batch
from text.tokenizing.tokenizers import build_tokenizer
from text.tokenizing.vocabulary import token_numbers


class RowGroup(NamedTuple):
    """A part of a split's Parquet file."""

    path: Path
    number: int


class Tokenized(NamedTuple):
    """A tokenized row group, in files: `numbers` (tokens,), `lengths` (documents,), and a table of the numbers."""

    group: RowGroup
    numbers: Path
    lengths: Path
    different: Path  # columns: the token of each number (null: unknown to the tokenizer), and its count


class GroupTokens(NamedTuple):
    """A tokenized row group in memory: `numbers` (tokens,), `lengths` (documents,) and the token of each number."""

    numbers: NDArray[np.int32]
    lengths: NDArray[np.int32]
    tokens: list[str | None]


# Tokenizes row groups, on this machine or elsewhere, with a tokenizer and its SentencePiece model; writes the results
# into a folder, and yields them in the order of the row groups.
TokenizeGroups = Callable[[Sequence[RowGroup], TokenizerName, bytes | None, Path], Iterable[Tokenized]]


@dataclass
class Summary:
    """Counts over the documents of a split."""

    documents: int = 0
    empty: int = 0
    tokens: int = 0
    cut: int = 0
    unknown: int = 0

    def as_dict(self) -> dict[str, float]:
        """Counts, the share of tokens that truncation cut, and the share of unknown ones among the rest."""
        remaining = max(self.tokens - self.cut, 1)
        return {
            "documents": self.documents,
            "empty": self.empty,
            "tokens": self.tokens,
            "share_cut": round(self.cut / max(self.tokens, 1), 6),
            "share_unknown": round(self.unknown / remaining, 6),
        }


def row_groups(path: Path) -> list[RowGroup]:
    """All parts of a Parquet file.

    Raises:
        DataError: it is missing or broken.
    """
    with _faults(path):
        return [RowGroup(path, number) for number in range(pq.ParquetFile(path).num_row_groups)]


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Turns Arrow's errors into one line that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the stage download makes it: dvc repro") from None
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is broken ({reason}); delete it and run dvc repro") from None


def _read(group: RowGroup, columns: Sequence[str]) -> pa.Table:
    """Those of the `columns` that the file has."""
    with _faults(group.path):
        file = pq.ParquetFile(group.path, page_checksum_verification=True)
        return file.read_row_group(group.number, [name for name in columns if name in file.schema_arrow.names])


def tokenize(
    groups: Sequence[RowGroup], name: TokenizerName, model: bytes | None, spool: Path, run: TokenizeGroups | None = None
) -> list[Tokenized]:
    """Tokenizes `groups` into files of the folder `spool`: on all cores of this machine, or wherever `run` does."""
    results = (run or on_all_cores)(groups, name, model, spool)
    return list(track(results, description="tokenizing", total=len(groups)))


def on_all_cores(
    groups: Sequence[RowGroup], name: TokenizerName, model: bytes | None, spool: Path
) -> Iterator[Tokenized]:
    """Tokenizes in threads; the results are in the order of `groups`."""

    def tokenize_group(group: RowGroup) -> Tokenized:
        return write_group(group, spool, tokenize_texts(read_texts(group), name, model))

    jobs = min(cpu_count(), len(groups))
    results = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")(map(delayed(tokenize_group), groups))
    yield from results


def read_texts(group: RowGroup) -> pa.ChunkedArray:
    """The texts of a row group."""
    return _read(group, ["text"])["text"]


def tokenize_texts(texts: pa.ChunkedArray, name: TokenizerName, model: bytes | None) -> GroupTokens:
    """The tokens of the texts of a row group."""
    tokenizer = build_tokenizer(name, model)
    numbers, lengths = tokenizer(texts.to_pylist())
    return GroupTokens(numbers, lengths, tokenizer.tokens)


def write_group(group: RowGroup, spool: Path, result: GroupTokens) -> Tokenized:
    """Moves the tokens of a row group from memory to `spool`."""
    numbers, lengths, tokens = result
    stem = f"{group.path.stem}-{group.number}"
    written = Tokenized(
        group, *(spool / f"{stem}-{name}" for name in ("numbers.npy", "lengths.npy", "different.arrow"))
    )
    np.save(written.numbers, numbers, allow_pickle=False)
    np.save(written.lengths, lengths, allow_pickle=False)
    counts = np.bincount(numbers, minlength=len(tokens))
    # The tokenizer of characters also knows halves of characters, which occur in no text and cannot be written.
    occurring = [token if number else None for token, number in zip(tokens, counts.tolist(), strict=True)]
    table = {"token": pa.array(occurring, pa.string()), "count": counts}
    write_feather(pa.table(table), written.different, compression="uncompressed")
    return written


def count(parts: Sequence[Tokenized]) -> Counter[str]:
    """How often each known token occurs in `parts`."""
    total: Counter[str] = Counter()
    for part in parts:
        table = read_table(part.different)
        for token, number in zip(table["token"].to_pylist(), table["count"].to_pylist(), strict=True):
            if token is not None and number:
                total[token] += number
    return total


def write_token_file(
    path: Path, parts: Sequence[Tokenized], vocabulary: Sequence[str], max_tokens: int, truncation: Truncation
) -> Summary:
    """Writes the token file of one split, a record batch for each of its row groups."""
    index = token_numbers(vocabulary)
    summary = Summary()
    with pa.ipc.new_file(str(path), SCHEMA) as writer:
        for part in parts:
            numbers, full = np.load(part.numbers, mmap_mode="r"), np.load(part.lengths)
            different = read_table(part.different, ["token"])["token"].to_pylist()
            translation = vocabulary_numbers(different, index)
            tokens, lengths = truncated(translation, numbers, full, max_tokens, truncation)
            summary.documents += len(full)
            summary.empty += int((full == 0).sum())
            summary.tokens += len(numbers)
            summary.cut += len(numbers) - len(tokens)
            summary.unknown += int((tokens == UNKNOWN_INDEX).sum())
            writer.write_batch(_record_batch(part.group, tokens, lengths, full))
    return summary


def _record_batch(
    group: RowGroup, tokens: NDArray[np.int32], lengths: NDArray[np.int32], full: NDArray[np.int32]
) -> pa.RecordBatch:
    table = _read(group, ["id", "label"])
    labelled = "label" in table.column_names
    labels = table["label"].combine_chunks() if labelled else pa.array(np.full(len(full), -1, np.int32))
    return record_batch(table["id"].combine_chunks(), labels, *never_empty(tokens, lengths), full)


def texts(path: Path, most: int) -> Iterator[str]:
    """At most `most` texts of a Parquet file, evenly spread over it."""
    groups = row_groups(path)
    step = -(-pq.ParquetFile(path).metadata.num_rows // most) or 1
    row = 0
    for group in groups:
        for text in _read(group, ["text"])["text"].to_pylist():
            if row % step == 0:
                yield text
            row += 1
