import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from text.sources.card import card, table
from text.sources.corpus import Document, batches, collect, relabel
from text.sources.splits import plan

DOCUMENTS = [
    *(Document("train", f"train/{n}", text, label) for n, (text, label) in enumerate([
        ("same", "good"), ("same", "bad"), ("same", "good"), ("twice twice", "bad"), ("twice twice", "bad"),
        ("shared by both", "good"), ("shared, other label", "good"), ("", "bad"), ("a b c d e f", "good"),
        (None, "good"), ("x", None),
    ])),
    Document("validation", "validation/0", "something else", "bad"),
    Document("test", "test/0", "shared by both", "good"),
    Document("test", "test/1", "shared, other label", "bad"),
    Document("test", "test/2", "shared, other label", "bad"),
    Document("unlabelled", "unlabelled/0", "same", None),
]  # fmt: skip


def make(folder: Path, documents: list[Document] = DOCUMENTS, notes: Sequence[str] = ()) -> dict[str, Any]:
    splits, names = collect(batches(documents), folder, seed=1)
    labels = sorted(names)
    relabel(splits, names, labels)
    return card(
        name="toy",
        licence="CC0",
        citation="nobody",
        labels=labels,
        columns=["place"],
        parts=plan(splits, 0.5, 0.5),
        notes=notes,
        digest="sha256:0",
    )


def test_the_card_counts_documents_labels_and_lengths(tmp_path: Path) -> None:
    content = make(tmp_path)
    assert content["labels"] == ["bad", "good"]
    assert list(content["splits"]) == ["train", "validation", "test", "unlabelled"]
    assert content["splits"]["train"] == {
        "rows": 9,
        "labels": {"bad": 4, "good": 5},
        "length": {
            "min": 0, "p05": 0, "p25": 1, "median": 2, "p75": 3, "p95": 6, "p99": 6, "max": 6, "mean": 2.11
        },
        "empty": 1,
        "missing": 2,
    }  # fmt: skip
    assert "labels" not in content["splits"]["unlabelled"]


def test_the_card_counts_duplicates_within_splits(tmp_path: Path) -> None:
    within = make(tmp_path)["duplicates"]["within"]
    assert within["train"] == {"rows": 3, "conflicting": 1}
    assert within["test"] == {"rows": 1, "conflicting": 0}
    assert within["unlabelled"] == {"rows": 0, "conflicting": 0}


def test_the_card_counts_duplicates_across_splits(tmp_path: Path) -> None:
    across = make(tmp_path)["duplicates"]["across"]
    assert across["train/test"] == {"texts": 2, "rows": 3, "conflicting": 1}
    assert across["train/unlabelled"] == {"texts": 1, "rows": 1, "conflicting": 1}
    assert across["validation/test"] == {"texts": 0, "rows": 0, "conflicting": 0}


def test_missing_rows_are_counted_once_where_they_were_read(tmp_path: Path) -> None:
    documents = [Document("all", str(n), f"text {n}", str(n % 2)) for n in range(20)]
    content = make(tmp_path, [*documents, Document("all", "20", None, "0")])
    assert {name: facts["missing"] for name, facts in content["splits"].items()} == {
        "train": 1,
        "validation": 0,
        "test": 0,
    }


def test_the_card_is_plain_json(tmp_path: Path) -> None:
    content = make(tmp_path)
    assert json.loads(json.dumps(content)) == content


def shown(content: dict[str, Any]) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(table(content))
    return capture.get()


def test_the_table_shows_the_card(tmp_path: Path) -> None:
    lines = shown(make(tmp_path)).splitlines()
    assert lines[0].startswith("toy · licence: CC0")
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]] for line in lines if (cells := line.split("│")[1:-1])
    }
    assert rows["documents"] == ["9", "1", "3", "1"]
    assert rows["bad"] == ["44.4%", "100.0%", "66.7%", ""]
    assert rows["missing, dropped"] == ["2", "0", "0", "0"]
    assert rows["duplicates"] == ["3", "0", "1", "0"]
    assert "texts that occur in both train and test: 2, 1 of them with several labels" in lines
    assert lines[-1] == "digest sha256:0"


def test_the_table_of_many_labels_shows_the_most_frequent(tmp_path: Path) -> None:
    labels = [f"label {n}" for n in np.random.default_rng(0).zipf(1.5, size=2000)]
    content = make(tmp_path, [Document("all", str(n), str(n), label) for n, label in enumerate(labels)])
    text = shown(content)
    assert "label 1 " in text
    assert f"{len(content['labels']) - 12:,} rarer labels" in text
    assert len(text.splitlines()) < 40


def test_labels_that_look_like_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    documents = [Document("all", str(n), str(n), ["[red]", "[/]"][n % 2]) for n in range(20)]
    text = shown(make(tmp_path, documents))
    assert "[red]" in text
    assert "[/]" in text


def test_notes_stand_in_the_card_and_below_the_table(tmp_path: Path) -> None:
    content = make(tmp_path, notes=["the label '[red]' is a class"])
    assert content["notes"] == ["the label '[red]' is a class"]
    assert "note: the label '[red]' is a class" in shown(content).splitlines()
