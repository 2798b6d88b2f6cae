from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.errors import DataError
from text.sources.corpus import Split
from text.sources.splits import check, deduplicated, plan, stratified, without_held_out


def split(labels: list[int], keys: list[int] | None = None, name: str = "all", missing: int = 0) -> Split:
    """A split of which each document has a text of its own, unless `keys` say otherwise."""
    numbers = np.arange(len(labels)) if keys is None else np.array(keys)
    return Split(
        path=Path(f"{name}.arrow"),
        labels=np.array(labels, dtype=np.int32),
        keys=numbers.astype(np.uint64),
        lengths=np.ones(len(labels), dtype=np.int32),
        missing=missing,
        columns=[],
    )


def arrays(documents: list[tuple[int, int]]) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    keys, labels = zip(*documents, strict=True)
    return np.array(keys, dtype=np.uint64), np.array(labels, dtype=np.int32)


documents = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4)), min_size=1, max_size=200)  # key, label
shares = st.floats(0.01, 0.99)


@given(documents=documents, share=shares)
def test_equal_texts_stay_together(documents: list[tuple[int, int]], share: float) -> None:
    keys, labels = arrays(documents)
    chosen = stratified(keys, labels, share)
    assert not set(keys[chosen]) & set(keys[~chosen])


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=300), share=shares)
def test_each_class_gives_its_share(labels: list[int], share: float) -> None:
    keys, classes = arrays(list(enumerate(labels)))
    chosen = stratified(keys, classes, share)
    taken = Counter(classes[chosen].tolist())
    for label, number in Counter(labels).items():
        exact = share * number
        # Rounded up or down; and one stays behind.
        assert min(np.floor(exact), number - 1) <= taken[label] <= np.ceil(exact)


@given(documents=documents, share=shares)
def test_no_class_gives_more_than_its_share_or_its_last_text(documents: list[tuple[int, int]], share: float) -> None:
    keys, labels = arrays(documents)
    chosen = stratified(keys, labels, share)
    taken = Counter(labels[chosen].tolist())
    for label, number in Counter(labels.tolist()).items():
        assert taken[label] <= np.ceil(share * number)
        assert taken[label] < number
    assert chosen.sum() <= np.ceil(share * len(documents))


@given(documents=documents, share=shares, data=st.data())
def test_the_order_of_the_documents_does_not_matter(
    documents: list[tuple[int, int]], share: float, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(documents))))
    keys, labels = arrays(documents)
    assert (stratified(keys, labels, share)[order] == stratified(keys[order], labels[order], share)).all()


def test_rounding_is_right_in_total() -> None:
    keys, labels = arrays([(n, n % 3) for n in range(100)])
    assert stratified(keys, labels, 0.25).sum() == 25


def test_a_text_that_stands_there_often_does_not_keep_others_out() -> None:
    documents = [(0, 0)] * 50 + [(n, n % 2) for n in range(1, 151)]
    keys, labels = arrays(documents)
    chosen = stratified(keys, labels, 0.1)
    assert np.bincount(labels[chosen]).tolist() == [13, 7]
    assert not chosen[:50].any()


def test_a_file_without_splits_is_split_in_three() -> None:
    source = split([0, 1] * 500)
    parts = plan({"all": source}, validation_share=0.1, test_share=0.2)
    assert {name: rows.sum() for name, (_, rows) in parts.items()} == {"train": 720, "validation": 80, "test": 200}
    assert np.all(sum(rows.astype(int) for _, rows in parts.values()) == 1)


def test_validation_is_taken_from_training_never_from_test() -> None:
    sources = {"test": split([0, 1] * 10, name="test"), "train": split([0, 1] * 50, name="train")}
    parts = plan(sources, validation_share=0.1, test_share=0.5)
    assert list(parts) == ["train", "validation", "test"]
    assert parts["validation"][0] is sources["train"]
    assert parts["validation"][1].sum() == 10
    assert parts["test"][1].all()
    assert np.array_equal(parts["train"][1], ~parts["validation"][1])


def test_official_splits_stay_as_they_are() -> None:
    names = ("unlabelled", "validation", "test", "train")
    parts = plan({name: split([0, 1], name=name) for name in names}, validation_share=0.5, test_share=0.5)
    assert list(parts) == ["train", "validation", "test", "unlabelled"]
    assert all(source.path.stem == name and rows.all() for name, (source, rows) in parts.items())


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({}, r"the train split has no documents$"),
        ({"train": split([0, 1])}, r"the test split has no documents$"),
        (
            {"all": split([0, 1])},
            r"data\.test_share is 0\.2, but no text of 2 documents can be spared: each class",
        ),
        ({"all": split([])}, r"none of 0 rows has both a text and a label$"),
        (
            {"train": split([0, 0, 1, 1]), "test": split([0])},
            r"data\.validation_share is 0\.1, but no text of 4 ",
        ),
        (
            {"train": split([0, 1] * 50, keys=[7] * 100), "test": split([0])},
            r"no text of 100 documents can be spared: .* there are 1 different texts in 2 classes$",
        ),
        (
            {"train": split([0, 1] * 50), "test": split([], missing=7)},
            r"none of 7 rows of the test split has both a text and a label$",
        ),
    ],
)
def test_too_few_documents_are_an_error(sources: dict[str, Split], message: str) -> None:
    with pytest.raises(DataError, match=message):
        plan(sources, validation_share=0.1, test_share=0.2)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([1] * 20, [1], r"the training documents have only one class \(good\); at least two are needed$"),
        ([0, 1] * 20, [0, 2], r"the test split has the class 'ugly', which no training document has; every class must"),
        ([0, 1] * 20, [], r"the test split has no documents$"),
    ],
)
def test_data_that_cannot_be_learned_from_are_an_error(train: list[int], test: list[int], message: str) -> None:
    parts = plan({"train": split(train, name="train"), "test": split(test, name="test")}, 0.1, 0.2)
    with pytest.raises(DataError, match=message):
        check(parts, ["bad", "good", "ugly"])


def test_a_class_of_the_test_split_that_looks_like_another_is_named_with_it() -> None:
    parts = plan({"train": split([0, 1] * 20), "test": split([2])}, 0.1, 0.2)
    with pytest.raises(
        DataError, match=r"class 'Good', which no training document has \(did you mean 'good', which some"
    ):
        check(parts, ["bad", "good", "Good"])


def test_a_class_may_be_missing_in_the_test_split() -> None:
    check(plan({"train": split([0, 1] * 20), "test": split([0])}, 0.1, 0.2), ["bad", "good"])


def test_texts_of_the_test_split_are_dropped_from_training() -> None:
    everything = np.ones(6, dtype=bool)
    parts = {
        "train": (split([0] * 6, [1, 1, 2, 3, 4, 5], "train"), everything),
        "validation": (split([0] * 6, [3, 3, 4, 6, 7, 8], "validation"), everything),
        "test": (split([0] * 6, [1, 6, 6, 9, 10, 11], "test"), everything),
    }
    kept, dropped = deduplicated(parts, "test")
    assert dropped == {"train": 2, "validation": 1}
    assert list(kept) == ["train", "validation", "test"]
    assert kept["train"][1].tolist() == [False, False, True, True, True, True]
    assert kept["test"][1].all()
    kept, dropped = deduplicated(parts, "all")
    assert dropped == {"test": 1, "validation": 2, "train": 4}
    assert kept["train"][1].tolist() == [False, False, True, False, False, True]
    assert kept["validation"][1].tolist() == [True, False, True, False, True, True]
    assert kept["test"][1].tolist() == [True, True, False, True, True, True]


def test_only_the_documents_of_a_part_count() -> None:
    """Parts may share a source: the documents of one are no copies of the other's."""
    source = split([0, 1] * 3, [1, 2, 3, 1, 2, 3])
    parts = {name: (source, np.arange(6) % 2 == number) for number, name in enumerate(("train", "test"))}
    kept, dropped = deduplicated(parts, "test")
    assert dropped == {"train": 3}
    assert kept["train"][1].sum() == 0


def test_unlabelled_documents_whose_text_is_held_out_are_dropped_and_no_others() -> None:
    def keyed(name: str, keys: list[int]) -> tuple[Split, Any]:
        return split([0] * len(keys), keys=keys, name=name), np.ones(len(keys), bool)

    parts = {"train": keyed("train", [1, 2]), "validation": keyed("validation", [3, 4]), "test": keyed("test", [5])}
    parts["validation"][1][1] = False  # text 4 is no validation document
    unlabelled = keyed("unlabelled", [1, 3, 4, 5, 5, 6])
    remaining, dropped = without_held_out({**parts, "unlabelled": unlabelled})
    assert remaining["unlabelled"][1].tolist() == [True, False, True, False, False, True]
    assert dropped == 3
    assert {name: rows.all() for name, (_, rows) in remaining.items() if name != "unlabelled"} == {
        "train": True,
        "validation": False,
        "test": True,
    }
    assert without_held_out(parts) == (parts, 0)
