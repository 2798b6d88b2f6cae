"""Tables whose names say no splits, and several tables in one file: what is one set, a class each, or a question."""

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.look import look as page_about
from config.data import DataParams
from core.errors import DataError
from pipelines.download import download
from tests.text.test_look import OPEN, ROWS, lines, read, sheet, write
from text.sources.column_choice import Unclear
from text.sources.columns import Layout
from text.sources.custom import parse

Rows = list[tuple[str, str]]


def of_topic(topic: str, seed: int = 0) -> Rows:
    """Other texts with the same labels in another order."""
    rows = [(f"{text} about {topic}", label) for text, label in ROWS]
    random.Random(seed or topic).shuffle(rows)
    return rows


def notes_of(path: Path, layout: Layout = OPEN) -> list[str]:
    notes: list[str] = []
    assert list(parse([path], layout, notes))
    return notes


def test_files_with_the_same_columns_and_labels_are_one_set(tmp_path: Path) -> None:
    """As UCI's sentiment labelled sentences."""
    path = tmp_path / "sentences.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for topic in ("imdb", "amazon", "yelp"):
            content = "".join(f"{text}\t{label}\n" for text, label in of_topic(topic))
            archive.writestr(f"sentences/{topic}_labelled.txt", content)
            archive.writestr(f"__MACOSX/sentences/._{topic}_labelled.txt", b"\0\5")
        archive.writestr("sentences/.DS_Store", b"\0")
        archive.writestr("sentences/readme.txt", "about")
    assert read(path) == [row for topic in ("amazon", "imdb", "yelp") for row in of_topic(topic)]
    names = ", ".join(f"'sentences/{topic}_labelled.txt'" for topic in ("amazon", "imdb", "yelp"))
    assert f"read as one data set, since columns and labels agree: {names}" in notes_of(path)
    page = page_about(str(path))
    assert "columns, judging by the first 40 rows:" in page
    assert read(path, Layout(1, 2)) == read(path)


def test_tables_named_after_classes_hold_a_class_each(tmp_path: Path) -> None:
    """As Kaggle's fake news: the column subject holds other values in each file, and no label."""
    for name, subjects in (("True", ("politicsNews", "worldnews")), ("Fake", ("News", "politics"))):
        rows = [(f"{text} {name}", subjects[n % 2]) for n, (text, _) in enumerate(ROWS)]
        lines(tmp_path / f"{name}.csv", 'A title,"{text}",{label}', rows, "title,text,subject\n")
    expected = [(f"{text} {name}", name.lower()) for name in ("Fake", "True") for text, _ in ROWS]
    assert sorted(read(tmp_path)) == sorted(expected)
    assert "a table for each class, text in 'text': Fake.csv holds 'fake', True.csv holds 'true'" in notes_of(tmp_path)
    assert "label_column" not in page_about(str(tmp_path))
    assert {label for _, label in read(tmp_path, Layout("text", "subject"))} == {
        *("politicsNews", "worldnews", "News", "politics")
    }


def test_tables_without_labels_have_their_names_as_labels(tmp_path: Path) -> None:
    for name in ("sport", "tech"):
        lines(
            tmp_path / f"{name}.csv",
            "2021-03-0{label},{text}",
            [(f"{t} {name}", "1") for t, _ in ROWS],
            "day,headline\n",
        )
    assert read(tmp_path) == [(f"{text} {name}", name) for name in ("sport", "tech") for text, _ in ROWS]


@pytest.mark.parametrize("other", ["the same", "a translation", "a part"])
def test_versions_of_a_data_set_are_not_joined(tmp_path: Path, other: str) -> None:
    rows = of_topic("film")
    versions = {
        "the same": random.Random(1).sample(rows, len(rows)),
        "a translation": [(f"Übersetzt: {text[::-1]} !", label) for text, label in rows],
        "a part": rows[::2],
    }
    lines(tmp_path / "one.csv", "{text},{label}", rows, "text,label\n")
    lines(tmp_path / "other.csv", "{text},{label}", versions[other], "text,label\n")
    with pytest.raises(DataError, match=r"seem to be versions of one data set: .*; data\.source may name one, such as"):
        read(tmp_path)


def test_other_labels_are_asked_about(tmp_path: Path) -> None:
    lines(tmp_path / "emotions.csv", "{text},{label}", of_topic("joy"), "text,label\n")
    topics = [(text, {"neg": "sport", "pos": "tech"}[label]) for text, label in of_topic("news")]
    lines(tmp_path / "topics.csv", "{text},{label}", topics, "text,label\n")
    with pytest.raises(
        DataError, match=r"whose labels in the column 'label' differ; .*set data\.label_column; else data"
    ):
        read(tmp_path)
    assert len(read(tmp_path, Layout(None, "label"))) == 80


@pytest.mark.parametrize("names", [("drugsComTrain_raw", "drugsComTest_raw"), ("mytrain", "mytest")])
def test_splits_that_are_hard_to_see_in_names_are_not_joined(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        lines(tmp_path / f"{name}.tsv", "{text}\t{label}", of_topic(name), "text\tlabel\n")
    if names[0] == "mytrain":
        with pytest.raises(DataError, match=r"has no file for train; found: 'mytest\.tsv', 'mytrain\.tsv'"):
            read(tmp_path)
    else:
        assert [document.split for document in parse([tmp_path], OPEN)] == ["train"] * 40 + ["test"] * 40


def test_other_columns_or_an_unclear_label_are_not_joined(tmp_path: Path) -> None:
    lines(tmp_path / "a.csv", "{text},{label},x", head="review,mood,kind\n")
    lines(tmp_path / "b.csv", "{text},{label}", of_topic("b"), "review,mood\n")
    with pytest.raises(DataError, match=r"has no file for train; found: 'a\.csv', 'b\.csv'"):
        read(tmp_path)
    for name in ("a", "b"):
        rows = [(f"{text},{n % 3}", label) for n, (text, label) in enumerate(of_topic(name))]
        lines(tmp_path / f"{name}.csv", "{text},{label}", rows, "review,mood,kind\n")
    with pytest.raises(Unclear, match=r"more than one column may hold the class; allowed: 'mood', 'kind'"):
        read(tmp_path)


splits_of_rows = st.fixed_dictionaries(
    {"train": st.integers(20, 40), "test": st.integers(5, 20)}, optional={"val": st.integers(5, 20)}
)


@given(splits_of_rows, st.sampled_from(["arrays", "headed arrays", "objects", "columns"]), st.randoms())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_json_object_may_hold_a_table_for_each_split(
    tmp_path: Path, sizes: dict[str, int], form: str, order: random.Random
) -> None:
    """As CLINC150: {"train": [[text, label], …], "val": …, "oos_train": …}."""
    names = order.sample(sorted(sizes), len(sizes))
    rows_of = {name: [(f"{text} in {name}", label) for text, label in (ROWS[: sizes[name]])] for name in names}
    forms: dict[str, Callable[[Rows], object]] = {
        "arrays": lambda rows: [list(row) for row in rows],
        "headed arrays": lambda rows: [["text", "label"], *map(list, rows)],
        "objects": lambda rows: [{"text": text, "label": label} for text, label in rows],
        "columns": lambda rows: {"text": [text for text, _ in rows], "label": [label for _, label in rows]},
    }
    written = forms[form]
    content = {name: written(rows) for name, rows in rows_of.items()}
    content |= {"version": 1, "oos_train": written([("a text of no intent", "oos")] * 5)}
    path = write(tmp_path / "data.json", json.dumps(content))
    documents = list(parse([path], OPEN))
    for name, rows in rows_of.items():
        split = "validation" if name == "val" else name
        assert [(each.text, each.label) for each in documents if each.split == split] == rows
    assert len(documents) == sum(sizes.values())
    assert "ignored tables in data.json: 'oos_train'" in notes_of(path)


def test_sheets_may_hold_a_split_each(tmp_path: Path) -> None:
    tables: dict[str, list[list[Any]]] = {"Read me": [["A survey"], ["of 2024"]]}
    rows = {"Train set": ROWS, "Test": of_topic("test")[:10]}
    tables |= {name: [["text", "label"], *map(list, rows[name])] for name in rows}
    path = sheet(tmp_path / "data.xlsx", [], contents=tables)
    documents = list(parse([path], OPEN))
    assert [(each.text, each.label) for each in documents if each.split == "train"] == ROWS
    assert [(each.text, each.label) for each in documents if each.split == "test"] == of_topic("test")[:10]
    assert "ignored tables in data.xlsx: 'Read me'" in notes_of(path)
    assert "  data.xlsx/Train set: train, Excel, with a header" in page_about(str(path))
    with pytest.raises(DataError, match=r"label_column is 'labels', but Train set in .*data\.xlsx has no such column"):
        read(path, Layout("text", "labels"))


def test_sheets_with_the_same_columns_are_one_set(tmp_path: Path) -> None:
    tables = {year: [["review", "mood"], *map(list, of_topic(year))] for year in ("2023", "2024")}
    path = sheet(tmp_path / "a.xlsx", [], contents={**tables, "Totals": [[40], [40]]})
    assert sorted(read(path)) == sorted(of_topic("2023") + of_topic("2024"))
    assert "'a.xlsx/2023', 'a.xlsx/2024'" in next(note for note in notes_of(path) if "one data set" in note)


def test_records_under_their_ids_are_rows(tmp_path: Path) -> None:
    content = {f"id{n}": {"comment": text, "mood": label} for n, (text, label) in enumerate(ROWS)}
    assert read(write(tmp_path / "a.json", json.dumps(content))) == ROWS


def test_files_of_labels_stand_beside_a_table_of_names(tmp_path: Path) -> None:
    """As WiLI-2018: x_train.txt, y_train.txt, …, labels.csv."""
    write(tmp_path / "labels.csv", "Label;English\nneg;bad\npos;good\n")
    for split in ("train", "test"):
        write(tmp_path / f"x_{split}.txt", "".join(f"{text}\n" for text, _ in ROWS))
        write(tmp_path / f"y_{split}.txt", "".join(f"{label}\n" for _, label in ROWS))
    assert read(tmp_path) == ROWS * 2


def test_folders_of_tasks_are_no_classes(tmp_path: Path) -> None:
    """As TweetEval's repository: emoji/train_text.txt, irony/train_text.txt."""
    for task in ("emoji", "irony"):
        for split in ("train", "test"):
            write(tmp_path / task / f"{split}_text.txt", "".join(f"{text}\n" for text, _ in ROWS))
            write(tmp_path / task / f"{split}_labels.txt", "".join(f"{label}\n" for _, label in ROWS))
    with pytest.raises(
        DataError, match=r"several files for train: emoji/train_text\.txt, irony/train_text\.txt; .*emoji$"
    ):
        read(tmp_path)
    assert read(tmp_path / "emoji") == ROWS * 2


def test_a_class_of_the_test_split_alone_is_left_out_and_counted(tmp_path: Path) -> None:
    """As Sentiment140, whose test split alone holds neutral tweets."""
    lines(tmp_path / "data/train.csv", "{text},{label}", ROWS, "text,label\n")
    rows = of_topic("test")
    rows = [(text, "neutral" if n < 15 else label) for n, (text, label) in enumerate(rows)]
    lines(tmp_path / "data/test.csv", "{text},{label}", rows, "text,label\n")
    card = download(DataParams(name="custom", source=str(tmp_path / "data")), tmp_path / "raw")
    assert card["labels"] == ["neg", "pos"]
    assert card["splits"]["test"]["rows"] == 25
    assert (
        "documents of the test split dropped because no training document has their class: 'neutral': 15"
        in card["notes"]
    )
    lines(tmp_path / "data/test.csv", "{text},{label}", [(text, "neutral") for text, _ in rows], "text,label\n")
    with pytest.raises(DataError, match="the test split has the class 'neutral', which no training document has"):
        download(DataParams(name="custom", source=str(tmp_path / "data")), tmp_path / "raw")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_column_may_say_the_splits(tmp_path: Path, suffix: str) -> None:
    """As MASSIVE."""
    splits = [("train", "dev", "Test")[n % 5 // 2] for n in range(len(ROWS))]
    form, head = "{text},{label}", "utt,intent,partition\n"
    rows = [(text, f"{label},{split}") for (text, label), split in zip(ROWS, splits, strict=True)]
    if suffix == "jsonl":
        form, head = '{{"utt": "{text}", "annot_utt": "[{text}]", {label}}}', ""
        rows = [(t, f'"intent": "{label}", "partition": "{s}"') for (t, label), s in zip(ROWS, splits, strict=True)]
    path = lines(tmp_path / f"en-US.{suffix}", form, rows, head)
    for layout in (OPEN, Layout("utt", "intent")):
        documents = list(parse([path], layout))
        assert [(each.text, each.label) for each in documents] == ROWS
        named = {"train": "train", "dev": "validation", "Test": "test"}
        assert [each.split for each in documents] == [named[split] for split in splits]
        assert [each.id for each in documents if each.split == "test"] == [f"test/{n}" for n in range(1, 9)]
    assert "split 'partition'" in page_about(str(path))
    card = download(DataParams(name="custom", source=str(path)), tmp_path / "raw")
    assert {split: facts["rows"] for split, facts in card["splits"].items()} == {
        "train": 16,
        "validation": 16,
        "test": 8,
    }


def test_a_column_that_names_splits_of_some_documents_only_is_not_used(tmp_path: Path) -> None:
    rows = [(text, f"{label},{'train' if n % 2 else 'test'}") for n, (text, label) in enumerate(ROWS * 30)]
    path = lines(
        tmp_path / "a.csv", "{text},{label}", [*rows, ("the last one is good", "pos,web")], "review,mood,from\n"
    )
    assert {document.split for document in parse([path], OPEN)} == {"all"}
    assert "the column 'from' names the split of only some documents; it is not used" in notes_of(path)


def test_a_tree_in_each_line_has_the_label_of_its_root(tmp_path: Path) -> None:
    """As the Stanford Sentiment Treebank."""
    for split in ("train", "dev", "test"):
        trees = f"(3 (2 A) (4 (3 good) (2 {split})))\n(1 (2 -LRB-) (1 (1 Dull) (2 -RRB-)))\n"
        write(tmp_path / "trees" / f"{split}.txt", trees * 5)
    documents = [(each.split, each.text, each.label) for each in parse([tmp_path], OPEN)]
    assert documents[:2] == [("train", "A good train", "3"), ("train", "( Dull )", "1")]
    assert len(documents) == 30
    write(tmp_path / "trees/dev.txt", "(3 (2 A) (2 b))\n(3 (2 A) (2 b)\n")
    with pytest.raises(DataError, match=r"line 2 of .*dev\.txt is not a tree"):
        read(tmp_path)


def test_without_a_header_positive_beside_negative_is_the_label(tmp_path: Path) -> None:
    rows = [
        (text, f"{2401 + n // 4},{('Dota', 'FIFA')[n % 3 // 2]},{('Positive', 'Negative')[n % 2]}")
        for n, (text, _) in enumerate(ROWS)
    ]
    path = lines(tmp_path / "twitter_training.csv", "{label},{text}", rows)
    assert read(path) == [(text, ("Positive", "Negative")[n % 2]) for n, (text, _) in enumerate(ROWS)]


def test_scores_are_asked_about_until_bins_are_set(tmp_path: Path) -> None:
    rows = [(text, f"{n % 20 / 20}") for n, (text, _) in enumerate(ROWS)]
    path = lines(tmp_path / "a.csv", "{text},{label}", rows, "comment,target\n")
    with pytest.raises(Unclear, match=r"the column 'target' holds scores, such as 0\.0; data\.bins turns them"):
        read(path)
    bins = {"low": "0-0.4", "high": "0.5-1"}
    card = download(DataParams.model_validate({"name": "custom", "source": str(path), "bins": bins}), tmp_path / "raw")
    assert card["labels"] == ["high", "low"]


def test_a_text_in_another_form_is_not_joined_to_the_text(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.csv", "{text},{text} cleaned,{label}", head="tweet,clean_tweet,mood\n")
    assert read(path) == ROWS


def test_without_a_header_texts_apart_from_each_other_are_asked_about(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.tsv", "{text}\t{label}\tsaid in {text}")
    with pytest.raises(Unclear, match=r"more than one column may hold the text; allowed: 1, 3, or \[1, 3\]"):
        read(path)


def test_a_first_line_without_delimiters_is_named(tmp_path: Path) -> None:
    """As PubMed's abstracts: ###24293578, then label<tab>sentence."""
    path = lines(tmp_path / "train.txt", "{label}\t{text}", head="###24293578\n")
    with pytest.raises(DataError, match=r"has no columns in its first line, '###24293578', although others hold"):
        read(path)
