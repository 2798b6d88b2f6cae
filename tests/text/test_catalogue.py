import re
import shutil
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.data import DataParams
from core.errors import DataError
from tests.text.conftest import Server
from text.sources.catalogue import CATALOGUE
from text.sources.corpus import Document
from text.sources.data_set import DataSet, File
from text.sources.fetch import fetch

FILES = {
    "nsmc": {
        "ratings_train.txt": "id\tdocument\tlabel\n7\t좋다\t1\n",
        "ratings_test.txt": "id\tdocument\tlabel\n8\t별로\t0\n",
    },
    "sst2": {
        "stsa.binary.train": "1 a fine film\n",
        "stsa.binary.dev": "0 dull .\n",
        "stsa.binary.test": "1 lovely\n",
    },
    "trec": {"TREC.train.all": "5 How many ?\n", "TREC.test.all": "2 What is TREC ?\n"},
    "ag_news": {"train.csv": '"4","Title","Text"\n', "test.csv": '"1","Title","Text"\n'},
    "sst5": {"stsa.fine.train": "4 superb\n", "stsa.fine.dev": "2 a film\n", "stsa.fine.test": "0 awful\n"},
    "mr": {"rt-polarity.all": "1 a fine film\n"},
    "subj": {"subj.all": "1 he meets her\n"},
    "cr": {"custrev.all": "0 it broke\n"},
    "mpqa": {"mpqa.all": "1 is happy\n"},
    "r8": {"r8-train-all-terms.txt": "money-fx\tthe dollar\n", "r8-test-all-terms.txt": "earn\tnet profit\n"},
    "r52": {"r52-train-all-terms.txt": "cocoa\tbahia cocoa\n", "r52-test-all-terms.txt": "tea\ttea sales\n"},
    "banking77": {
        "train.csv": 'text,category\n"Is it, well,\nhere?",card_arrival\n',
        "test.csv": "text,category\nWhere?,lost_or_stolen_card\n",
    },
}
# In one archive each, whose files stand in a folder.
ARCHIVES = {
    "dbpedia": {"train.csv": '1,"E. D. Abbott Ltd"," Abbott made cars"\n', "test.csv": '14,"A ""Book""","a\\nbook"\n'},
    "yelp_polarity": {"train.csv": '"2","Good.\\n\\nVery ""good"""\n', "test.csv": '"1","bad"\n'},
    "yelp_full": {"train.csv": '"5","Good"\n', "test.csv": '"3","so so"\n'},
    "20newsgroups": {
        "20news-bydate-train/sci.med/58110": "From: a@b.edu\n\nna\xefve\n",
        "20news-bydate-test/rec.autos/103": "Subject: cars\n\nfast\n",
    },
}
DOCUMENTS = {
    "nsmc": [("train", "좋다", "positive"), ("test", "별로", "negative")],
    "sst2": [
        ("train", "a fine film", "positive"),
        ("validation", "dull .", "negative"),
        ("test", "lovely", "positive"),
    ],
    "trec": [("train", "How many ?", "number"), ("test", "What is TREC ?", "abbreviation")],
    "ag_news": [("train", "Title Text", "Sci/Tech"), ("test", "Title Text", "World")],
    "sst5": [
        ("train", "superb", "very positive"),
        ("validation", "a film", "neutral"),
        ("test", "awful", "very negative"),
    ],
    "mr": [("all", "a fine film", "positive")],
    "subj": [("all", "he meets her", "objective")],
    "cr": [("all", "it broke", "negative")],
    "mpqa": [("all", "is happy", "positive")],
    "r8": [("train", "the dollar", "money-fx"), ("test", "net profit", "earn")],
    "r52": [("train", "bahia cocoa", "cocoa"), ("test", "tea sales", "tea")],
    "banking77": [("train", "Is it, well,\nhere?", "card_arrival"), ("test", "Where?", "lost_or_stolen_card")],
    "dbpedia": [
        ("train", "E. D. Abbott Ltd  Abbott made cars", "Company"),
        ("test", 'A "Book" a\nbook', "WrittenWork"),
    ],
    "yelp_polarity": [("train", 'Good.\n\nVery "good"', "positive"), ("test", "bad", "negative")],
    "yelp_full": [("train", "Good", "5"), ("test", "so so", "3")],
    "20newsgroups": [
        ("train", "From: a@b.edu\n\nnaïve\n", "sci.med"),
        ("test", "Subject: cars\n\nfast\n", "rec.autos"),
    ],
    "emotion": [
        ("train", "i feel calm", "joy"),
        ("validation", "i feel low", "sadness"),
        ("test", "i am mad", "anger"),
    ],
}
PUBLISHED = [name for name, entry in CATALOGUE.items() if entry.files]


def triples(documents: list[Document]) -> list[tuple[str, str | None, str | None]]:
    order = ["all", "train", "validation", "test"]
    documents.sort(key=lambda document: order.index(document.split))
    return [(document.split, document.text, document.label) for document in documents]


def read(entry: DataSet, source: str, cache: Path) -> list[Document]:
    paths = [fetch(file.address, cache, file.checksum, attempts=1) for file in entry.sources(source, None)]
    return list(entry.parse(paths, unlabelled=False))


def test_the_catalogue_is_what_params_allow() -> None:
    assert set(CATALOGUE) == set(get_args(DataParams.model_fields["name"].annotation))


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_entry_has_a_licence_and_a_citation(name: str) -> None:
    assert CATALOGUE[name].licence
    assert CATALOGUE[name].citation


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_official_file_has_an_address_and_a_checksum_that_can_be_checked(name: str) -> None:
    for file in CATALOGUE[name].files:
        assert re.match(r"https?://", file.address)
        assert file.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", file.checksum)


@pytest.mark.parametrize("name", PUBLISHED)
def test_without_a_source_the_official_files_are_meant(name: str) -> None:
    assert CATALOGUE[name].sources(None, None) == list(CATALOGUE[name].files)


@pytest.mark.parametrize("name", FILES)
def test_every_split_has_its_official_file(name: str) -> None:
    assert [file.name for file in CATALOGUE[name].files] == list(CATALOGUE[name].splits.values())


@pytest.mark.parametrize("name", FILES)
def test_a_folder_with_the_official_files_is_read(name: str, tmp_path: Path) -> None:
    for file, content in FILES[name].items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    assert triples(read(CATALOGUE[name], str(tmp_path), tmp_path / "cache")) == DOCUMENTS[name]


@pytest.mark.parametrize("name", [name for name, files in FILES.items() if len(files) > 1])
@pytest.mark.parametrize("end", ["", "/"])
def test_a_mirror_with_the_official_files_is_read(name: str, end: str, server: Server, tmp_path: Path) -> None:
    server.files |= {f"mirror/{file}": content.encode() for file, content in FILES[name].items()}
    assert triples(read(CATALOGUE[name], f"{server.address}/mirror{end}", tmp_path)) == DOCUMENTS[name]


def test_the_address_of_an_archive_is_one_file() -> None:
    source = "https://mirror.example/nsmc.zip"
    assert CATALOGUE["nsmc"].sources(source, "sha256:0") == [File(source, "sha256:0")]


def test_a_checksum_is_of_one_file() -> None:
    with pytest.raises(DataError, match=r"data\.checksum is given, but data\.source .* stands for 3 files$"):
        CATALOGUE["sst2"].sources("https://mirror.example/sst2", "sha256:0")


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_a_data_set_in_an_archive_is_read(name: str, kind: str, tmp_path: Path) -> None:
    for file, content in ARCHIVES[name].items():
        (tmp_path / "source" / f"{name}_csv" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / f"{name}_csv" / file).write_bytes(content.encode("latin-1"))
    source = tmp_path / "source"
    if kind == "archive":
        source = Path(shutil.make_archive(str(tmp_path / "a"), "gztar", source))
    assert triples(read(CATALOGUE[name], str(source), tmp_path / "cache")) == DOCUMENTS[name]


@pytest.mark.parametrize("labels", [[1, 0, 3], ["joy", "sadness", "anger"]])
def test_emotion_is_read_from_parquet(labels: list[Any], tmp_path: Path) -> None:
    texts = ["i feel calm", "i feel low", "i am mad"]
    for file, text, label in zip(CATALOGUE["emotion"].files, texts, labels, strict=True):
        pq.write_table(pa.table({"text": [text], "label": [label]}), tmp_path / file.name)
    assert triples(read(CATALOGUE["emotion"], str(tmp_path), tmp_path / "cache")) == DOCUMENTS["emotion"]


def test_every_published_data_set_was_read() -> None:
    assert set(PUBLISHED) == {*DOCUMENTS, "imdb"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("yelp_full", {"train.csv": '"5","a","b"\n'}, r"line 1 of .* has 3 fields; expected 2: class, text"),
        ("yelp_full", {"train.csv": '"6","a"\n'}, r"line 1 of .* has the label '6'; allowed: 1, 2, 3, 4, 5"),
        ("r8", {"r8-train-all-terms.txt": "earn net\n"}, r"line 1 of .* has no tab; expected: class, tab, text"),
        ("banking77", {"train.csv": "text,category\na\n"}, r"line 2 of .* has 1 fields; expected 2: text, category"),
    ],
)
def test_a_file_in_another_format_is_named(name: str, content: dict[str, str], message: str, tmp_path: Path) -> None:
    for file in CATALOGUE[name].splits.values():
        (tmp_path / file).write_text(content.get(file, ""))
    with pytest.raises(DataError, match=message):
        read(CATALOGUE[name], str(tmp_path), tmp_path / "cache")


def test_an_archive_without_the_split_folders_is_named(tmp_path: Path) -> None:
    (tmp_path / "20news-bydate-train/sci.med").mkdir(parents=True)
    (tmp_path / "20news-bydate-train/sci.med/1").write_text("a")
    with pytest.raises(DataError, match=r"holds no files such as 20news-bydate-test/<class>/<number>"):
        read(CATALOGUE["20newsgroups"], str(tmp_path), tmp_path / "cache")
