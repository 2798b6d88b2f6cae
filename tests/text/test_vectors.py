"""Vectors from text files: whatever tokens and lines stand in them, and which file holds none."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DataError
from text.tokenizing.vectors import Vectors, read_vectors
from text.tokenizing.vocabulary import token_numbers

VOCABULARY = ["<unk>", "<pad>", "good", "film", "nan", "1984"]
GOOD, FILM, NAN, YEAR = range(2, 6)


def read(content: str | bytes, folder: Path, name: str = "vectors.txt") -> Vectors:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_vectors(path, token_numbers(VOCABULARY), len(VOCABULARY))


def known(vectors: Vectors) -> dict[str, list[float]]:
    """The vectors that were found, by token."""
    return {
        token: row.tolist() for token, row in zip(VOCABULARY, vectors.values, strict=True) if not np.isnan(row).any()
    }


@pytest.mark.parametrize(
    "content",
    [
        "good 1 2 3\nunheard 7 7 7\nfilm 4 5 6\n",
        "3 3\ngood 1 2 3\nunheard 7 7 7\nfilm 4 5 6\n",  # fastText and word2vec
        "3 3\r\ngood 1 2 3 \r\nunheard 7 7 7 \r\nfilm 4 5 6 \r\n",  # a space at the end, as both write
        "good\t1\t2\t3\nunheard\t7\t7\t7\nfilm\t4\t5\t6",
        "good 1 2 3\n\nunheard 7 7 7\nfilm 4 5 6\n\n \n",
        "\ufeffgood 1 2 3\nfilm 4 5 6\n",
        "\ufeff2 3\ngood 1 2 3\nfilm 4 5 6\n",
        "good 1.0 +2 3e0\nfilm 400e-2 5. 6\n",
        "good 1 2 3\nfilm 4 5 6\ngood 9 9 9\n",  # the first of two
    ],
)
def test_each_word_gets_its_vector(content: str, tmp_path: Path) -> None:
    vectors = read(content, tmp_path)
    assert known(vectors) == {"good": [1, 2, 3], "film": [4, 5, 6]}
    assert vectors.values.dtype == np.float32
    assert (vectors.skipped, vectors.first_skipped) == (0, "")


@pytest.mark.parametrize("header", ["", "9 3\n"])
def test_a_token_with_spaces_is_one_token(header: str, tmp_path: Path) -> None:
    lines = ". . . 7 7 7\ngood . 7 7 7\nat name@domain.com 7 7 7\ngood 1 2 3\nfilm 1 7 7 7\n1984 4 5 6\nnan 1 1 1\n"
    vectors = read(header + lines, tmp_path)
    assert known(vectors) == {"good": [1, 2, 3], "1984": [4, 5, 6], "nan": [1, 1, 1]}
    assert vectors.skipped == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("bad 1 2", "2 of 3 numbers follow the token"),
        ("bad", "0 of 3 numbers follow the token"),
        ("film 1 2", "2 of 3 numbers follow the token"),
        ("film 1 x 2", "'x' is not a finite number"),
        ("film 1 nan 2", "'nan' is not a finite number"),
        ("unheard NaN 1 2", "'NaN' is not a finite number"),
        ("film 1 2 inf", "'inf' is not a finite number"),
        ("unheard 1 2 -Infinity", "'-Infinity' is not a finite number"),
        ("film 1 2 1e39", "'1e39' is not a finite number"),  # of float32
        ("film 1,5 2,5 3,5", "'1,5' is not a finite number"),
        (" 1 2 3", "2 of 3 numbers follow the token"),
    ],
)
@pytest.mark.parametrize("header", ["", "2 3\n"])
def test_a_line_that_cannot_be_read_is_left_out_counted_and_named(
    header: str, line: str, reason: str, tmp_path: Path
) -> None:
    vectors = read(f"{header}good 1 2 3\n\n{line}\n{line}\nfilm 4 5 6\n", tmp_path)
    assert known(vectors) == {"good": [1, 2, 3], "film": [4, 5, 6]}
    assert vectors.skipped == 2
    assert vectors.first_skipped == f"line {4 if header else 3}, where {reason}"


def test_unknown_and_padding_get_no_vector_from_a_file(tmp_path: Path) -> None:
    assert known(read("<unk> 1 2 3\n<pad> 4 5 6\ngood 7 8 9\n", tmp_path)) == {"good": [7, 8, 9]}


def test_tokens_that_are_no_utf8_are_words_that_nobody_asks_for(tmp_path: Path) -> None:
    vectors = read(b"caf\xe9 1 2 3\ngood 4 5 6\n", tmp_path)
    assert (known(vectors), vectors.skipped) == ({"good": [4, 5, 6]}, 0)


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    assert known(read(gzip.compress(b"good 1 2 3\n"), tmp_path, "vectors.vec.gz")) == {"good": [1, 2, 3]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it has none"),
        ("\n \n", "it has none"),
        ("3 3\n", "it has none"),
        ("good 1 x 2\n", "its first lines have no vector of 2 numbers or more"),
        ("A text of the year 1984\nand another one\n", "its first lines have no vector of 2 numbers or more"),
        ("2 300\ngood 1 2 3\nfilm 4 5 6\n", "line 2, where 3 of 300 numbers follow the token"),
        (b"3000000 300\n\x00\xff\x12\n\x80", "line 2, where 0 of 300 numbers follow the token"),
        ("good 1 2 3\n".encode("utf-16"), "its first lines have no vector of 2 numbers or more"),
    ],
)
def test_a_file_that_holds_no_vectors_is_named_with_the_reason(
    content: str | bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as raised:
        read(content, tmp_path)
    path = tmp_path / "vectors.txt"
    said = f"tokenize.vectors '{path}' is not a text file with a token and its numbers on each line: {reason}"
    assert str(raised.value) == said


def test_a_broken_archive_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"vectors.gz' cannot be read: "):
        read(gzip.compress(b"good 1 2 3\n" * 9999)[:-20], tmp_path, "vectors.gz")
    with pytest.raises(DataError, match=r"' cannot be read: Is a directory"):
        read_vectors(tmp_path, {}, 2)
    with pytest.raises(DataError, match=r"there is no such file"):
        read_vectors(tmp_path / "none.txt", {}, 2)
    with pytest.raises(DataError, match=r"' cannot be read: File name too long"):
        read_vectors(tmp_path / ("x" * 5000), {}, 2)


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
parts = st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.lists(parts, min_size=1, max_size=3).map(" ".join), st.tuples(finite, finite, finite)),
    st.booleans(),
)
def test_what_is_written_comes_back_for_any_token(
    tmp_path: Path, vectors: dict[str, tuple[float, float, float]], header: bool
) -> None:
    plain = {f"word{number}": (1.0, 2.0, 3.0) for number in range(len(vectors) + 1)}  # so that most lines have 3
    written = {**plain, **vectors}
    lines = [" ".join([token, *map(repr, numbers)]) for token, numbers in written.items()]
    text = "\n".join([f"{len(lines)} 3"] * header + lines) + "\n"
    path = tmp_path / "vectors.txt"
    path.write_text(text, encoding="utf-8", newline="\n")
    result = read_vectors(path, {token: number for number, token in enumerate(written)}, len(written))
    assert result.values.tolist() == [list(numbers) for numbers in written.values()]
    assert result.skipped == 0
