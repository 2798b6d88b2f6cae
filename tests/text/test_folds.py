"""data.folds: every document is tested once, and no text is on both sides."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.data import DataParams
from config.tokenize import TokenizeParams
from core.errors import DataError
from outputs.token_files import open_part, read_summary, training_documents
from pipelines.download import download
from pipelines.tokenize import make_tokens
from tests.text.test_splits import split
from text.sources.splits import check_folds, fold_plan

FOLDS = 4


def write_sentences(folder: Path, documents: int = 120) -> Path:
    folder.mkdir(exist_ok=True)
    texts = [f"{n % 3 // 2} sentence {n - n % 7 // 6} of the set" for n in range(documents)]
    (folder / "custrev.all").write_text("".join(f"{text}\n" for text in texts))
    return folder


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=60, max_size=200),
    st.integers(3, 6),
)
def test_folds_are_disjoint_and_equal_texts_stay_together(documents: list[tuple[int, int]], folds: int) -> None:
    keys, labels = zip(*documents, strict=True)
    source = split(list(labels), list(keys))
    try:
        parts = fold_plan({"all": source}, folds)
    except DataError as error:
        assert "can be spared" in str(error)
        return
    assert list(parts) == [f"fold-{number}" for number in range(1, folds + 1)]
    assert np.all(sum(rows.astype(int) for _, rows in parts.values()) == 1)
    fold_of_text = [{number for number, (_, rows) in enumerate(parts.values()) if rows[source.keys == key].any()}
                    for key in set(keys)]  # fmt: skip
    assert all(len(folds_of_text) == 1 for folds_of_text in fold_of_text)


def test_folds_are_stratified_and_of_equal_size() -> None:
    parts = fold_plan({"all": split([0, 0, 1] * 100)}, 10)
    for source, rows in parts.values():
        assert np.bincount(source.labels[rows]).tolist() == [20, 10]


def test_a_class_that_a_training_could_miss_is_named() -> None:
    source = split([0, 1] * 30 + [2, 2])
    parts = {f"fold-{n + 1}": (source, np.arange(62) // 2 % 4 == n) for n in range(4)}
    with pytest.raises(
        DataError, match=r"the class 'rare' has texts in 1 of 4 folds; allowed: 3 or more, so that every"
    ):
        check_folds(parts, ["a", "b", "rare"])


def test_official_splits_are_not_cross_validated() -> None:
    with pytest.raises(
        DataError, match=r"data\.folds is 5, but the data set has the splits train, test; allowed: null"
    ):
        fold_plan({"train": split([0, 1] * 10), "test": split([0, 1] * 10)}, 5)


def test_each_seed_tests_its_fold_and_learns_from_the_others(tmp_path: Path) -> None:
    data = DataParams(name="cr", source=str(write_sentences(tmp_path / "source")), folds=FOLDS)
    card = download(data, tmp_path / "data/raw")
    assert card["folds"] == FOLDS
    assert card["duplicates"]["across"] == {}
    make_tokens(TokenizeParams(), tmp_path / "data/tokens", tmp_path / "data/raw")
    summary = read_summary(tmp_path)
    tested: list[str] = []
    for seed in range(1, FOLDS + 1):
        config = {"seed": seed, "data": summary["data"], "tokens": summary["checksums"]}
        ids = {part: open_part(part, config, tmp_path).ids() for part in ("train", "validation", "test")}
        assert len({*ids["train"], *ids["validation"], *ids["test"]}) == sum(map(len, ids.values())) == 120
        assert len(ids["test"]) == 30
        assert ids["test"] == pq.read_table(tmp_path / f"data/raw/fold-{seed}.parquet")["id"].to_pylist()
        again = open_part("test", {**config, "seed": seed + FOLDS}, tmp_path)
        assert again.ids() == ids["test"]
        tested += ids["test"]
    assert len(set(tested)) == 120
    assert training_documents(summary) == 60


def test_generated_data_have_their_splits() -> None:
    with pytest.raises(ValueError, match=r"data\.folds is 10, but first_token is generated with its splits"):
        DataParams(name="first_token", folds=10)
