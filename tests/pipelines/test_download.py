import csv
import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from config.data import DataParams
from core.errors import DataError, ParamsError
from pipelines.download import download

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LSTM_VS_BILSTM_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """A file of 200 rows and three classes, with duplicates, an empty text and a row without a label."""
    path = tmp_path / "reviews.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = [(f"review {n % 180}", ["good", "bad", "fair"][n % 3]) for n in range(198)]
        csv.writer(file).writerows([("text", "label"), *rows, ("", "good"), ("no label", "")])
    return path


def imdb(folder: Path) -> Path:
    """The layout of the official archive, with 20 training, 20 test and 5 unlabelled reviews."""
    path = folder / "aclImdb_v1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for part, kinds in {"test": ("neg", "pos"), "train": ("neg", "pos", "unsup")}.items():
            for kind in kinds:
                for number in range(5 if kind == "unsup" else 10):
                    content = f"{part} {kind} {number}".encode()
                    entry = tarfile.TarInfo(f"aclImdb/{part}/{kind}/{number}_{number % 10}.txt")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
    return path


def custom(source: Path, **values: Any) -> DataParams:
    return DataParams(name="custom", source=str(source), **values)


def read(folder: Path, split: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{split}.parquet").to_pylist()
    return rows


def test_a_file_becomes_splits_and_a_card(reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data/raw"
    card = download(custom(reviews), folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json",
        "test.parquet",
        "train.parquet",
        "validation.parquet",
    ]
    assert json.loads((folder / "card.json").read_text(encoding="utf-8")) == card
    assert card["labels"] == ["bad", "fair", "good"]
    assert card["notes"] == []
    rows = {split: read(folder, split) for split in ("train", "validation", "test")}
    assert {split: len(documents) for split, documents in rows.items()} == {"train": 143, "validation": 16, "test": 40}
    assert {split: facts["rows"] for split, facts in card["splits"].items()} == {
        split: len(documents) for split, documents in rows.items()
    }
    ids = [row["id"] for documents in rows.values() for row in documents]
    assert len(set(ids)) == 199
    for documents in rows.values():
        assert all(row["label"] in range(3) for row in documents)
    texts = [{row["text"] for row in documents} for documents in rows.values()]
    assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]


def test_the_card_says_how_the_files_were_read(tmp_path: Path) -> None:
    lost = [('"good film', "pos"), ("bad film", "neg"), ('I call it art"', "neg")]
    rows = [*lost, *((f"film {n}", ["pos", "neg"][n % 2]) for n in range(40))]
    path = tmp_path / "reviews.tsv"
    path.write_text("comment\tclass\n" + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    card = download(custom(path, text_column="comment", label_column="class"), tmp_path / "raw")
    assert sum(facts["rows"] for facts in card["splits"].values()) == len(rows)
    note = "quotation marks in tab-separated files are read literally: as CSV, 2 rows would become part of others"
    assert card["notes"] == [note]
    assert download(custom(path, text_column=1, label_column=2), tmp_path / "raw")["notes"] == [
        note,
        "only the first row has the label 'class': is it a header? Then name the columns by it",
    ]


def test_the_digest_can_be_recomputed_from_the_files(reviews: Path, tmp_path: Path) -> None:
    card = download(custom(reviews), tmp_path / "raw")
    content = hashlib.sha256()
    for split in card["splits"]:
        for row in read(tmp_path / "raw", split):
            line = [split, row["id"], row["text"], card["labels"][row["label"]]]
            content.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    assert card["digest"] == f"sha256:{content.hexdigest()}"


def test_the_same_params_give_the_same_bytes(reviews: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        download(custom(reviews), tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()


def test_another_seed_gives_another_split(reviews: Path, tmp_path: Path) -> None:
    one, other = (download(custom(reviews, seed=seed), tmp_path / "raw") for seed in (1, 2))
    assert one["splits"]["test"]["rows"] == other["splits"]["test"]["rows"]
    assert one["digest"] != other["digest"]


def test_the_embedded_data_set_keeps_its_own_columns(tmp_path: Path) -> None:
    rows = {"train_rows": 60, "validation_rows": 20, "test_rows": 20}
    data = DataParams.model_validate({"name": "synthetic_reviews", "synthetic_reviews": rows})
    card = download(data, tmp_path / "raw")
    assert card["labels"] == ["negative", "positive"]
    assert [facts["rows"] for facts in card["splits"].values()] == [60, 20, 20]
    assert {"place", "tokens_before", "tokens_after", "rule"} <= set(card["columns"])
    assert list(read(tmp_path / "raw", "test")[0]) == ["id", "text", "label", *card["columns"]]


def test_imdb_with_its_unlabelled_documents(tmp_path: Path) -> None:
    data = DataParams(name="imdb", source=str(imdb(tmp_path)), validation_share=0.2, unlabelled=True)
    card = download(data, tmp_path / "raw")
    assert {split: facts["rows"] for split, facts in card["splits"].items()} == {
        "train": 16,
        "validation": 4,
        "test": 20,
        "unlabelled": 5,
    }
    assert read(tmp_path / "raw", "unlabelled")[0] == {"id": "train/unsup/0_0", "text": "train unsup 0"}
    assert {row["id"].split("/")[0] for row in read(tmp_path / "raw", "validation")} == {"train"}


def test_unlabelled_documents_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    card = download(DataParams(name="imdb", source=str(imdb(tmp_path))), tmp_path / "raw")
    assert list(card["splits"]) == ["train", "validation", "test"]
    assert not (tmp_path / "raw/unlabelled.parquet").exists()


def test_a_checksum_of_the_source_is_checked(reviews: Path, tmp_path: Path) -> None:
    checksum = f"sha256:{hashlib.sha256(reviews.read_bytes()).hexdigest()}"
    download(custom(reviews, checksum=checksum), tmp_path / "raw")
    with pytest.raises(DataError, match=r"reviews\.csv has the checksum sha256:.*; expected sha256:0{64}$"):
        download(custom(reviews, checksum=f"sha256:{'0' * 64}"), tmp_path / "raw")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (DataParams(name="trec", unlabelled=True), r"data\.unlabelled is true, but trec has .*; allowed for imdb$"),
        (DataParams(name="trec", checksum=f"sha256:{'0' * 64}"), r"data\.checksum is given, but data\.source is null"),
    ],
)
def test_keys_that_do_not_go_together_are_named(data: DataParams, message: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=message):
        download(data, tmp_path / "raw")


def test_what_fails_leaves_the_last_good_data(reviews: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data/raw"
    card = download(custom(reviews), folder)
    reviews.write_text("text,label\na,x\nb,x\n", encoding="utf-8")
    with pytest.raises(DataError):
        download(custom(reviews), folder)
    assert json.loads((folder / "card.json").read_text(encoding="utf-8")) == card
    assert [path.name for path in folder.parent.iterdir()] == ["raw"]


def run(folder: Path, data: str, largest_file: int = resource.RLIM_INFINITY) -> subprocess.CompletedProcess[str]:
    others = "variants: {lstm: {cell: lstm}}\ncompare: {variants: [lstm], seeds: [1], baseline: lstm}\n"
    (folder / "params.yaml").write_text(f"data: {{{data}}}\n{others}", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pipelines.download"],
        cwd=folder,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_shows_the_card(reviews: Path, tmp_path: Path) -> None:
    done = run(tmp_path, f"name: custom, source: {reviews.name}")
    assert done.returncode == 0, done.stderr
    assert "custom · licence: not known" in done.stdout
    assert (tmp_path / "data/raw/train.parquet").exists()


def test_the_command_ends_in_one_line_if_the_data_are_bad(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("text,label\n", encoding="utf-8")
    done = run(tmp_path, "name: custom, source: bad.csv")
    assert done.returncode == 1
    assert done.stderr == "error: bad.csv holds no rows; expected 'text' and 'label' of documents\n"


def test_the_command_ends_in_a_proposal_where_a_column_is_not_plain(tmp_path: Path) -> None:
    rows = "".join(f"a fine film {n},what a fine film {n},{n % 2}\n" for n in range(20))
    (tmp_path / "two.csv").write_text(f"left,right,stars\n{rows}", encoding="utf-8")
    done = run(tmp_path, "name: custom, source: two.csv")
    assert done.returncode == 1
    assert "data:\n  name: custom\n  source: two.csv\n  text_column: [left, right]  # or left or right\n" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(
        "error: data.text_column is null, and in two.csv more than one column"
    )
    done = run(tmp_path, "name: custom, source: two.csv, text_column: [left, right]")
    assert done.returncode == 0, done.stderr
    texts = [row["text"] for split in ("train", "validation", "test") for row in read(tmp_path / "data/raw", split)]
    assert "a fine film 7 what a fine film 7" in texts


def test_a_disk_that_does_not_take_the_data_is_named_and_left_clean(tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((f"review {n}", n % 2) for n in range(10_000))])
    done = run(tmp_path, "name: custom, source: large.csv", largest_file=100_000)
    assert done.returncode == 1
    assert done.stderr.startswith("error: data/raw cannot be written: ")
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "data").iterdir())
