import re
from pathlib import Path

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
}
PUBLISHED = [name for name, entry in CATALOGUE.items() if entry.files]


def triples(documents: list[Document]) -> list[tuple[str, str | None, str | None]]:
    order = ["train", "validation", "test"]
    documents.sort(key=lambda document: order.index(document.split))
    return [(document.split, document.text, document.label) for document in documents]


def read(entry: DataSet, source: str, cache: Path) -> list[Document]:
    paths = [fetch(file.address, cache, file.checksum, attempts=1) for file in entry.sources(source, None)]
    return list(entry.parse(paths, unlabelled=False))


def test_the_catalogue_is_what_params_allow() -> None:
    assert set(CATALOGUE) == set(DataParams.model_fields["name"].annotation.__args__)  # type: ignore[union-attr]


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


@pytest.mark.parametrize("name", FILES)
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
