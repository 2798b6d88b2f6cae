import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from text.sources import corpus
from text.sources.corpus import Document, batches, collect, relabel, write

DOCUMENTS = [
    Document("train", "train/1", "one two three", "b"),
    Document("train", "train/2", "", "a"),
    Document("train", "train/3", None, "a"),
    Document("test", "test/1", " \n", "b"),
    Document("train", "train/4", "no label", None),
    Document("train", "train/5", "one two three", "c"),
    Document("unlabelled", "unlabelled/1", "zwei Wörter", None),
]


def all_rows(split: corpus.Split) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(split.keys), dtype=bool)


def test_what_is_missing_is_dropped_and_counted(tmp_path: Path) -> None:
    splits, names = collect(batches(DOCUMENTS), tmp_path, seed=1)
    assert names == ["b", "a", "c"]
    assert {name: (len(split.keys), split.missing) for name, split in splits.items()} == {
        "train": (3, 2),
        "test": (1, 0),
        "unlabelled": (1, 0),
    }
    assert splits["train"].labels.tolist() == [0, 1, 2]
    assert splits["train"].lengths.tolist() == [3, 0, 3]
    assert splits["unlabelled"].labels.tolist() == [-1]


def test_equal_texts_have_equal_keys_and_the_seed_changes_them(tmp_path: Path) -> None:
    one, other = (collect(batches(DOCUMENTS), tmp_path, seed)[0]["train"].keys for seed in (1, 2))
    assert one[0] == one[2] != one[1]
    assert one[0] != other[0]


def test_labels_are_renumbered(tmp_path: Path) -> None:
    splits, names = collect(batches(DOCUMENTS), tmp_path, seed=1)
    relabel(splits, names, ["a", "unused", "b", "c"])
    assert splits["train"].labels.tolist() == [2, 0, 3]
    assert splits["test"].labels.tolist() == [2]
    assert splits["unlabelled"].labels.tolist() == [-1]


def test_chosen_rows_become_parquet_and_are_hashed(tmp_path: Path) -> None:
    splits, names = collect(batches(DOCUMENTS), tmp_path, seed=1)
    content = hashlib.sha256()
    write(tmp_path, "validation", splits["train"], np.array([True, False, True]), names, content)
    table = pq.read_table(tmp_path / "validation.parquet")
    assert table.schema.types == [pa.string(), pa.string(), pa.int32()]
    assert table.to_pylist() == [
        {"id": "train/1", "text": "one two three", "label": 0},
        {"id": "train/5", "text": "one two three", "label": 2},
    ]
    lines = [["validation", "train/1", "one two three", "b"], ["validation", "train/5", "one two three", "c"]]
    assert (
        content.hexdigest() == hashlib.sha256("".join(json.dumps(line) + "\n" for line in lines).encode()).hexdigest()
    )


def test_unlabelled_documents_have_no_column_label(tmp_path: Path) -> None:
    splits, names = collect(batches(DOCUMENTS), tmp_path, seed=1)
    write(tmp_path, "unlabelled", splits["unlabelled"], np.array([True]), names, hashlib.sha256())
    table = pq.read_table(tmp_path / "unlabelled.parquet")
    assert table.to_pylist() == [{"id": "unlabelled/1", "text": "zwei Wörter"}]


def test_a_data_sets_own_columns_are_kept(tmp_path: Path) -> None:
    table = pa.table(
        {"id": ["0", "1"], "text": ["a", "b"], "label": pa.array([1, 0], pa.int32()), "place": ["end", "middle"]}
    )
    splits, names = collect(corpus.table_batches({"train": table}, ["no", "yes"]), tmp_path, seed=1)
    relabel(splits, names, ["no", "yes"])
    assert splits["train"].columns == ["place"]
    write(tmp_path, "train", splits["train"], all_rows(splits["train"]), ["no", "yes"], hashlib.sha256())
    assert pq.read_table(tmp_path / "train.parquet") == table


def test_long_texts_make_small_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BATCH_CHARACTERS", 1000)
    documents = [Document("train", f"train/{n}", "x" * 600, "a") for n in range(6)]
    splits, names = collect(batches(documents), tmp_path, seed=1)
    write(tmp_path, "train", splits["train"], all_rows(splits["train"]), names, hashlib.sha256())
    assert pq.ParquetFile(tmp_path / "train.parquet").num_row_groups == 3


texts = st.lists(st.text(st.characters(codec="utf-8")))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=texts, data=st.data())
def test_rows_come_out_as_they_went_in(tmp_path: Path, texts: list[str], data: st.DataObject) -> None:
    # Another document makes sure that the split exists.
    documents = [Document("train", str(n), text, "a") for n, text in enumerate(["", *texts])]
    rows = np.array(data.draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "BATCH_ROWS", 3)
        splits, names = collect(batches(documents), tmp_path, seed=1)
        write(tmp_path, "train", splits["train"], rows, names, hashlib.sha256())
    found = pq.read_table(tmp_path / "train.parquet")["text"].to_pylist()
    assert found == [document.text for document, chosen in zip(documents, rows, strict=True) if chosen]
