import csv
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DataError
from text.sources import parsers
from text.sources.corpus import Document

BINARY = {"0": "negative", "1": "positive"}
SPLITS = {"train": "train.txt", "test": "test.txt"}
IMDB_SPLITS = {"train": "train", "test": "test", "unlabelled": "train/unsup"}
IMDB_LABELS = {"neg": "negative", "pos": "positive"}
REVIEWS = {
    "aclImdb/train/pos/10_9.txt": "tenth",
    "aclImdb/train/pos/2_10.txt": "second<br /><br />line",
    "aclImdb/train/neg/0_1.txt": "",
    "aclImdb/train/unsup/0_0.txt": "who knows",
    "aclImdb/test/neg/0_2.txt": "schlecht, naïve",
    "aclImdb/test/urls_neg.txt": "http://no.review/",
    "aclImdb/imdb.vocab": "the",
}

# Lines end in a line feed only: other characters that Python takes for line ends belong to the text.
line_text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\t"))
here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def imdb_archive(path: Path, order: Callable[[list[str]], list[str]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in order(list(REVIEWS)):
            entry = tarfile.TarInfo(name)
            entry.size = len(REVIEWS[name].encode())
            archive.addfile(entry, io.BytesIO(REVIEWS[name].encode()))
    return path


def imdb_folder(folder: Path) -> Path:
    for name, text in REVIEWS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_imdb_is_sorted_by_number_whatever_holds_it(tmp_path: Path) -> None:
    expected = [
        Document("test", "test/neg/0_2", "schlecht, naïve", "negative"),
        Document("train", "train/neg/0_1", "", "negative"),
        Document("train", "train/pos/2_10", "second<br /><br />line", "positive"),
        Document("train", "train/pos/10_9", "tenth", "positive"),
        Document("unlabelled", "train/unsup/0_0", "who knows", None),
    ]
    sources = [
        imdb_archive(tmp_path / "a.tar.gz", sorted),
        imdb_archive(tmp_path / "b.tar.gz", lambda names: sorted(names, reverse=True)),
        folder := imdb_folder(tmp_path / "folder"),
        folder / "aclImdb",
    ]
    for source in sources:
        assert list(parsers.imdb([source], IMDB_SPLITS, IMDB_LABELS)) == expected


def test_imdb_leaves_out_what_is_not_wanted(tmp_path: Path) -> None:
    documents = parsers.imdb([imdb_folder(tmp_path)], {"train": "train", "test": "test"}, IMDB_LABELS)
    assert {document.split for document in documents} == {"train", "test"}


def test_a_folder_without_imdb_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no files such as aclImdb/train/pos/0_9\.txt$"):
        list(parsers.imdb([tmp_path], IMDB_SPLITS, IMDB_LABELS))


def test_a_review_that_is_there_twice_is_named(tmp_path: Path) -> None:
    path = imdb_archive(tmp_path / "a.tar.gz", lambda names: [*names, "aclImdb/test/neg/0_2.txt"])
    with pytest.raises(DataError, match=r"aclImdb/test/neg/0_2\.txt in .* occurs twice"):
        list(parsers.imdb([path], IMDB_SPLITS, IMDB_LABELS))


def test_a_review_that_is_no_text_is_named(tmp_path: Path) -> None:
    (imdb_folder(tmp_path) / "aclImdb/train/pos/2_10.txt").write_bytes(b"abc\xff")
    with pytest.raises(DataError, match=r"2_10\.txt is not UTF-8 text: byte 0xff at position 4$"):
        list(parsers.imdb([tmp_path], IMDB_SPLITS, IMDB_LABELS))


def two_files(folder: Path, train: bytes, test: bytes = b"") -> list[Path]:
    (folder / "train.txt").write_bytes(train)
    (folder / "test.txt").write_bytes(test)
    return [folder / "train.txt", folder / "test.txt"]


NSMC = 'id\tdocument\tlabel\n11\t"굿" 이다\t1\n12\t\t0\n13\t"open quote\t1\n'.encode()
NSMC_DOCUMENTS = [
    Document("train", "train/1", '"굿" 이다', "positive"),
    Document("train", "train/2", "", "negative"),
    Document("train", "train/3", '"open quote', "positive"),
]


@pytest.mark.parametrize("content", [NSMC, NSMC.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + NSMC, NSMC.rstrip(b"\n")])
def test_nsmc_has_literal_quotes_and_empty_documents(tmp_path: Path, content: bytes) -> None:
    paths = two_files(tmp_path, content)
    assert list(parsers.nsmc(paths, SPLITS, BINARY)) == NSMC_DOCUMENTS


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"1\ttext\n", r"line 2 of .*train\.txt has 2 fields; expected 3: id, document, label$"),
        (b"1\ttext\t2\n", r"line 2 of .*train\.txt has the label '2'; allowed: 0, 1$"),
        (b"1\t\xff\t1\n", r"line 2 of .*train\.txt is not UTF-8 text: byte 0xff at position 3$"),
    ],
)
def test_a_broken_line_of_nsmc_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(parsers.nsmc(two_files(tmp_path, b"id\tdocument\tlabel\n" + line), SPLITS, BINARY))


@here
@given(texts=st.lists(line_text))
def test_nsmc_keeps_every_text(tmp_path: Path, texts: list[str]) -> None:
    content = "id\tdocument\tlabel\n" + "".join(f"7\t{text}\t1\n" for text in texts)
    documents = parsers.nsmc(two_files(tmp_path, content.encode()), SPLITS, BINARY)
    assert [document.text for document in documents] == texts


def test_label_text_lines_may_be_latin_1(tmp_path: Path) -> None:
    paths = two_files(tmp_path, b"1 caf\xe9 ?\n0 na\xc3\xafve\n1\n", b"0 x")
    assert list(parsers.label_text_lines(paths, SPLITS, BINARY)) == [
        Document("train", "train/1", "café ?", "positive"),
        Document("train", "train/2", "naïve", "negative"),
        Document("train", "train/3", "", "positive"),
        Document("test", "test/1", "x", "negative"),
    ]


@here
@given(texts=st.lists(line_text))
def test_label_text_lines_keep_every_text(tmp_path: Path, texts: list[str]) -> None:
    paths = two_files(tmp_path, "".join(f"1 {text}\n" for text in texts).encode())
    assert [document.text for document in parsers.label_text_lines(paths, SPLITS, BINARY)] == texts


@pytest.mark.parametrize("line", [b"7 text", b"text", b"\n"])
def test_an_unknown_label_is_named(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(DataError, match=r"line 2 of .*train\.txt has the label '.*'; allowed: 0, 1$"):
        list(parsers.label_text_lines(two_files(tmp_path, b"1 good\n" + line), SPLITS, BINARY))


def test_ag_news_joins_title_and_description(tmp_path: Path) -> None:
    train = b'"1","Title, with comma","He said ""no"" for \\$5 \\\\ band"\n"0","","one\ntwo"\n'
    assert list(parsers.ag_news(two_files(tmp_path, train), SPLITS, BINARY)) == [
        Document("train", "train/1", 'Title, with comma He said "no" for \\$5 \\\\ band', "positive"),
        Document("train", "train/2", " one\ntwo", "negative"),
    ]


def test_a_broken_row_of_ag_news_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2 of .*train\.txt has 2 fields; expected 3: class, title, description$"):
        list(parsers.ag_news(two_files(tmp_path, b'"1","a","b"\n"1","a"\n'), SPLITS, BINARY))


@here
@given(rows=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))))
def test_ag_news_keeps_every_text(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    content = io.StringIO(newline="")
    csv.writer(content, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(("1", *row) for row in rows)
    documents = parsers.ag_news(two_files(tmp_path, content.getvalue().encode()), SPLITS, BINARY)
    assert [document.text for document in documents] == [" ".join(row) for row in rows]


def test_files_are_found_by_name_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    two_files(tmp_path / "deep", b"1 a", b"0 b")
    (tmp_path / "README").write_text("no data")
    documents = parsers.label_text_lines([tmp_path], SPLITS, BINARY)
    assert sorted((document.split, document.text) for document in documents) == [("test", "b"), ("train", "a")]


def test_a_file_that_is_missing_or_there_twice_is_named(tmp_path: Path) -> None:
    paths = two_files(tmp_path, b"1 a", b"0 b")
    with pytest.raises(DataError, match=r"test\.txt occurs 0 times in .*train\.txt, which must contain it once: train"):
        list(parsers.label_text_lines(paths[:1], SPLITS, BINARY))
    (tmp_path / "copy").mkdir()
    two_files(tmp_path / "copy", b"1 a", b"0 b")
    with pytest.raises(DataError, match=r"train\.txt occurs 2 times in"):
        list(parsers.label_text_lines([tmp_path], SPLITS, BINARY))
