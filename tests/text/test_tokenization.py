"""From Parquet to token files: truncation, vocabulary, counts, and what does not depend on the number of threads."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torchtext.data.utils import get_tokenizer

from config.choices import Truncation
from core.errors import DataError
from text.tokenizing.encoding import keep
from text.tokenizing.parallel import count, row_groups, tokenize, write_token_file
from text.tokenizing.token_file import TokenizedDocuments
from text.tokenizing.vocabulary import build_vocabulary

split = get_tokenizer("basic_english")
TEXTS = ["Good film .", "bad", "", "a very very long film , not good", "  ", "one two three four five six"] * 7


def write_split(path: Path, texts: list[str], rows_a_group: int = 10, labelled: bool = True) -> Path:
    columns = {"id": [f"{path.stem}-{number}" for number in range(len(texts))], "text": texts}
    table = pa.table(columns)
    if labelled:
        table = table.append_column("label", pa.array([number % 3 for number in range(len(texts))], pa.int32()))
    pq.write_table(table, path, row_group_size=rows_a_group)
    return path


def make_split(
    folder: Path, truncation: Truncation = "head", max_tokens: int = 5
) -> tuple[TokenizedDocuments, list[str]]:
    path = write_split(folder / "train.parquet", TEXTS)
    parts = tokenize(row_groups(path), "basic_english", None, folder)
    vocabulary = build_vocabulary(count(parts), max_size=6, min_freq=1)
    write_token_file(folder / "train.arrow", parts, vocabulary, max_tokens, truncation)
    return TokenizedDocuments.open(folder / "train.arrow"), vocabulary


@given(
    st.lists(st.integers(0, 12), max_size=8),
    st.integers(1, 9),
    st.sampled_from(["head", "tail", "head+tail"]),
)
def test_truncation_keeps_the_promised_ends(lengths: list[int], most: int, truncation: Truncation) -> None:
    positions = keep(np.array(lengths, np.int32), most, truncation)
    start = 0
    for length in lengths:
        document = list(range(length))
        head = {"head": document[:most], "tail": document[-most:], "head+tail": document}[truncation]
        if truncation == "head+tail" and length > most:
            head = document[: (most + 1) // 2] + (document[-(most // 2) :] if most // 2 else [])
        assert np.flatnonzero(positions[start : start + length]).tolist() == head
        start += length


@pytest.mark.parametrize("truncation", ["head", "tail"])
def test_a_file_holds_the_documents_in_order(truncation: Truncation, tmp_path: Path) -> None:
    documents, vocabulary = make_split(tmp_path, truncation)
    assert len(documents) == len(TEXTS)
    assert documents.ids() == [f"train-{number}" for number in range(len(TEXTS))]
    assert documents.labels.tolist() == [number % 3 for number in range(len(TEXTS))]
    for number, text in enumerate(TEXTS):
        tokens = split(text)
        cut = tokens[:5] if truncation == "head" else tokens[-5:]
        expected = [token if token in vocabulary else "<unk>" for token in cut] or ["<unk>"]
        assert [vocabulary[token] for token in documents.tokens(number)] == expected
        assert documents.full_lengths[number] == len(tokens)


def test_a_batch_is_padded_across_record_batches(tmp_path: Path) -> None:
    split, _ = make_split(tmp_path)
    indices = np.array([41, 3, 0, 17, 25])
    padded, lengths = split.batch(indices)
    assert padded.shape == (5, max(lengths))
    for row, index in enumerate(indices):
        assert padded[row, : lengths[row]].tolist() == split.tokens(int(index)).tolist()
        assert set(padded[row, lengths[row] :].tolist()) <= {1}


def test_the_summary_counts_what_was_cut_and_what_is_unknown(tmp_path: Path) -> None:
    path = write_split(tmp_path / "train.parquet", ["a a a b", "a c", ""])
    parts = tokenize(row_groups(path), "whitespace", None, tmp_path)
    vocabulary = build_vocabulary(count(parts), max_size=1, min_freq=1)
    assert vocabulary == ["<unk>", "<pad>", "a"]
    summary = write_token_file(tmp_path / "train.arrow", parts, vocabulary, 3, "tail")
    # a a b | c is unknown, b too; the first a is cut; the empty document is read as one unknown token.
    assert summary.as_dict() == {"documents": 3, "empty": 1, "tokens": 6, "share_cut": 0.166667, "share_unknown": 0.4}


def test_the_way_rows_are_grouped_for_the_processes_does_not_matter(tmp_path: Path) -> None:
    contents = []
    for rows in (5, 1000):
        path = write_split(tmp_path / "train.parquet", TEXTS, rows)
        parts = tokenize(row_groups(path), "basic_english", None, tmp_path)
        vocabulary = build_vocabulary(count(parts), 100, 1)
        write_token_file(tmp_path / "train.arrow", parts, vocabulary, 4, "head+tail")
        split = TokenizedDocuments.open(tmp_path / "train.arrow")
        contents.append((vocabulary, [split.tokens(number).tolist() for number in range(len(split))]))
    assert contents[0] == contents[1]


def test_unlabelled_documents_have_the_label_minus_one(tmp_path: Path) -> None:
    path = write_split(tmp_path / "unlabelled.parquet", TEXTS, labelled=False)
    parts = tokenize(row_groups(path), "characters", None, tmp_path)
    write_token_file(tmp_path / "u.arrow", parts, build_vocabulary(count(parts), 100, 1), 4, "head")
    assert set(TokenizedDocuments.open(tmp_path / "u.arrow").labels.tolist()) == {-1}


def test_the_vocabulary_is_torchtexts_most_frequent_first_then_by_alphabet() -> None:
    counts = Counter({"b": 3, "a": 3, "c": 9, "rare": 1, "<pad>": 5})
    assert build_vocabulary(counts, max_size=10, min_freq=2) == ["<unk>", "<pad>", "c", "a", "b"]
    assert build_vocabulary(counts, max_size=2, min_freq=1) == ["<unk>", "<pad>", "c", "a"]


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"x" * 500])
def test_a_broken_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "test.arrow"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"test.arrow is broken .* delete it and run dvc repro"):
        TokenizedDocuments.open(path)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    make_split(tmp_path)
    path = tmp_path / "train.arrow"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"train.arrow is broken"):
        TokenizedDocuments.open(path)


def test_missing_files_say_which_stage_makes_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train.arrow is missing; the stage tokenize makes it"):
        TokenizedDocuments.open(tmp_path / "train.arrow")
    with pytest.raises(DataError, match=r"train.parquet is missing; the stage download makes it"):
        row_groups(tmp_path / "train.parquet")
