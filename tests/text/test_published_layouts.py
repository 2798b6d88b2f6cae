"""Data sets as they are published, which run without a setting or end in a line that says what to do."""

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands.look import look as page_about
from config.data import DataParams
from core.errors import DataError
from pipelines.download import download
from tests.text.test_look import ROWS, lines, read, sheet, write
from text.sources.column_choice import Unclear
from text.sources.columns import Layout
from text.sources.custom import parse

NUMBERED = [(text, str(number % 2)) for number, (text, _) in enumerate(ROWS)]
Writer = Callable[[Path], Path]


def class_files(folder: Path) -> Path:
    for label in ("pos", "neg"):
        write(folder / f"rt-polarity.{label}", "".join(f"{text}\n" for text, its_label in ROWS if its_label == label))
    write(folder / "rt-polaritydata.README.1.0.txt", "about")
    return folder


def test_a_file_for_each_class_holds_a_document_in_each_line(tmp_path: Path) -> None:
    assert sorted(read(class_files(tmp_path))) == sorted(ROWS)
    assert "rt-polarity.pos: no split in its name, text lines, one document of the class pos per line" in page_about(
        str(tmp_path)
    )


def test_class_files_may_stand_for_each_split(tmp_path: Path) -> None:
    for name in ("train_positive.txt", "train_negative.txt", "test_positive.txt", "test_negative.txt"):
        write(tmp_path / name, f"a document of {name}\n")
    documents = [(document.split, document.label) for document in parse([tmp_path], Layout(None, None))]
    assert documents == [(split, label) for split in ("train", "test") for label in ("negative", "positive")]


def test_beside_files_of_usual_classes_all_names_of_one_word_are_classes(tmp_path: Path) -> None:
    """As the Thai set Wisesight has them."""
    for label in ("pos", "neg", "neu", "q"):
        write(tmp_path / f"{label}.txt", f"a text of {label}\n")
    for name in ("stopwords.txt", "two_words.txt", "unsup.txt", "LICENSE"):
        write(tmp_path / name, "the\n")
    assert sorted(read(tmp_path)) == sorted((f"a text of {label}", label) for label in ("pos", "neg", "neu", "q"))


def test_first_words_that_stand_in_the_texts_as_well_are_no_labels(tmp_path: Path) -> None:
    rows = [(f"{('The', 'This')[n % 2]} film is the best of this year {n}", label) for n, (_, label) in enumerate(ROWS)]
    assert read(lines(tmp_path / "a.txt", "{text}@{label}", rows)) == rows
    with pytest.raises(DataError, match="has no columns: no line holds a comma"):
        read(lines(tmp_path / "a.txt", "{text}", rows))


def test_fasttext_labels_may_stand_at_the_end(tmp_path: Path) -> None:
    assert read(lines(tmp_path / "all.text.txt", "{text} . __label__meta_{label}")) == [
        (f"{text} .", f"meta_{label}") for text, label in ROWS
    ]
    path = lines(tmp_path / "all.text.txt", "{text} __label__x __label__{label}")
    with pytest.raises(DataError, match=r"line 1 of .* has several labels; the data look multi-label"):
        read(path)


def test_single_quotes_may_stand_around_fields(tmp_path: Path) -> None:
    """As in the 10k German News Articles."""
    rows = [(f"{text}; said 'Ann' \"so\"" if n % 3 else text, label) for n, (text, label) in enumerate(ROWS)]
    for name in ("train.csv", "test.csv"):
        quoted = [("'" + text.replace("'", "''") + "'" if ";" in text else text, label) for text, label in rows]
        lines(tmp_path / name, "{label};{text}", quoted)
    assert read(tmp_path) == rows * 2
    assert read(tmp_path, Layout(2, 1)) == rows * 2


def test_scores_are_no_label_beside_words(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.csv",
        "{text};{label}",
        [(text, f"{n % 4},{n % 3};{label}") for n, (text, label) in enumerate(ROWS)],
        "Text;Wert;Ton\n",
    )
    assert read(path) == ROWS


def test_a_test_split_lacks_its_label_although_another_column_is_called_alike(tmp_path: Path) -> None:
    """`target` and `text`, as in Kaggle's disaster tweets."""
    lines(tmp_path / "train.csv", "{text},{label}", NUMBERED, "text,target\n")
    lines(tmp_path / "test.csv", "{text}", NUMBERED, "text\n")
    notes: list[str] = []
    assert len(list(parse([tmp_path], Layout(None, None), notes))) == 40
    assert "ignored test split, 'test.csv': no labels: it has no column 'target'" in notes


def test_columns_in_another_order_are_suspected(tmp_path: Path) -> None:
    lines(tmp_path / "train.csv", "{text},{label}")
    lines(tmp_path / "test.csv", "{label},{text}", ROWS[:6])
    with pytest.raises(DataError, match=r"the test split has the class 'a dull film .* another order\?\); every class"):
        download(DataParams(name="custom", source=str(tmp_path)), tmp_path / "raw")


def test_a_column_of_ids_is_no_text(tmp_path: Path) -> None:
    path = lines(tmp_path / "metadata.csv", "{text}", [(f"{n}_x,{n % 2}", "") for n in range(40)], "file_id,label\n")
    with pytest.raises(Unclear, match=r"no column clearly holds the text; allowed: 'file_id', 'label'$"):
        read(path)


def test_lines_may_end_in_their_label(tmp_path: Path) -> None:
    assert read(lines(tmp_path / "Sentences_AllAgree.txt", "mail me@home {text}@{label}")) == [
        (f"mail me@home {text}", label) for text, label in ROWS
    ]


@pytest.mark.parametrize("suffix", [".txt", ".csv"])
def test_without_a_header_titles_and_texts_are_joined(tmp_path: Path, suffix: str) -> None:
    path = lines(tmp_path / f"train{suffix}", '"{label}","No title of {text}","{text}"')
    assert read(path) == [(f"No title of {text} {text}", label) for text, label in ROWS]


def test_text_columns_with_usual_names_are_joined_and_others_left_out(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.csv", "{text},{text} too,{text} by hand,{label}", head="Review Title,Text body,why,kind\n"
    )
    assert read(path) == [(f"{text} {text} too", label) for text, label in ROWS]


def test_of_several_label_columns_without_a_header_the_one_of_digits_is_meant(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.tsv", "gj0{label}\t{label}\t*\t{text}", NUMBERED)
    assert read(path) == NUMBERED


def test_times_and_addresses_are_no_classes(tmp_path: Path) -> None:
    head = "when,link,review,mood\n"
    path = lines(tmp_path / "a.csv", "2009-04-06 22:1{label},http://a.org/{label},{text},{label}", NUMBERED, head)
    assert read(path) == NUMBERED


def test_a_file_that_is_sorted_by_class_is_looked_at_in_many_places(tmp_path: Path) -> None:
    rows = [(f"{text} {number}", str(label)) for label in (0, 4) for number in range(3000) for text, _ in ROWS[:1]]
    path = lines(tmp_path / "a.csv", '"{label}","2009-04-06 22:19:45","NO_QUERY","u{text}","{text}"', rows)
    found = [(document.text, document.label) for document in parse([path], Layout(None, None))]
    assert found == [(f"u{text} {text}", label) for text, label in rows]


@pytest.mark.parametrize(
    ("test_head", "test_form"),
    [("id,comment\n", "7,{text}"), ("label,comment\n", "-1,{text}")],
)
def test_a_test_split_without_labels_is_left_out_and_said(tmp_path: Path, test_head: str, test_form: str) -> None:
    lines(tmp_path / "train.csv", "{label},{text}", NUMBERED, "label,comment\n")
    lines(tmp_path / "test.csv", test_form, NUMBERED, test_head)
    notes: list[str] = []
    documents = list(parse([tmp_path], Layout(None, None), notes))
    assert {document.split for document in documents} == {"all"}
    assert any(note.startswith("ignored test split, 'test.csv': no labels: it") for note in notes)
    lines(tmp_path / "dev.csv", "{label},{text}", NUMBERED[:10], "label,comment\n")
    notes = []
    documents = list(parse([tmp_path], Layout("comment", "label"), notes))
    assert [document.split for document in documents] == ["train"] * 40 + ["test"] * 10
    assert "there is no labelled test split: the validation split is used as the test split" in notes


def test_a_mistyped_label_column_does_not_lose_the_test_split(tmp_path: Path) -> None:
    lines(tmp_path / "train.csv", "{label},{text}", NUMBERED, "labels,comment\n")
    lines(tmp_path / "test.csv", "{label},{text}", NUMBERED, "label,comment\n")
    with pytest.raises(DataError, match=r"label_column is 'labels', but .*test\.csv has no such column; did you mean"):
        read(tmp_path)


def test_the_validation_file_that_is_called_like_the_training_file_is_taken(tmp_path: Path) -> None:
    for name in ("in_domain_train", "in_domain_dev", "out_of_domain_dev"):
        lines(tmp_path / f"{name}.tsv", "{label}\t{text}", ROWS[:20] if "train" in name else ROWS[20:])
    assert read(tmp_path) == ROWS
    assert "'out_of_domain_dev.tsv'" in page_about(str(tmp_path))


def test_the_second_of_two_files_with_an_unusual_suffix_is_the_test_split(tmp_path: Path) -> None:
    for name in ("train_5500.label", "TREC_10.label"):
        lines(tmp_path / name, "{label}:x {text}", ROWS)
    notes: list[str] = []
    documents = list(parse([tmp_path], Layout(None, None), notes))
    assert [document.split for document in documents] == ["train"] * 40 + ["test"] * 40
    assert "TREC_10.label is used as the test split, because train_5500.label is the training split" in notes


def test_labels_may_stand_beside_a_file_of_words(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        write(tmp_path / split / "seq.in", "play a song\nrain today\n")
        write(tmp_path / split / "seq.out", "O O O\nO O\n")
        write(tmp_path / split / "label", "PlayMusic\nGetWeather\n")
    assert read(tmp_path)[:2] == [("play a song", "PlayMusic"), ("rain today", "GetWeather")]


def test_quotation_marks_after_a_backslash_belong_to_the_text(tmp_path: Path) -> None:
    text = r"a \"good, old\" film, C:\new"
    path = lines(tmp_path / "a.csv", '"{text}",{label}', [(text, label) for _, label in ROWS], "text,label\n")
    notes: list[str] = []
    documents = list(parse([path], Layout(None, None), notes))
    assert documents[0].text == r'a "good, old" film, C:\new'
    assert "quotation marks in comma-separated files are read as in CSV, those in texts after a backslash" in notes
    assert "good, old" in page_about(str(path))


def test_classes_have_the_names_that_the_file_itself_holds(tmp_path: Path) -> None:
    texts, labels = zip(*ROWS, strict=True)
    features = {"text": {"_type": "Value"}, "label": {"_type": "ClassLabel", "names": ["neg", "pos"]}}
    table = pa.table({"text": texts, "label": [int(label == "pos") for label in labels]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == ROWS


def test_the_ignored_sheets_of_a_workbook_are_named(tmp_path: Path) -> None:
    path = sheet(tmp_path / "a.xlsx", [["review", "stars"], *(list(row) for row in NUMBERED)], sheets=2)
    notes: list[str] = []
    assert list(parse([path], Layout(None, None), notes))
    assert "ignored sheets of a.xlsx: 'S0'" in notes


@pytest.mark.parametrize("inner", ["data/b.csv", "data"])
def test_a_source_may_lead_into_an_archive(tmp_path: Path, inner: str) -> None:
    content = "".join(f"{text},{label}\n" for text, label in ROWS)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("other.csv", "x")
        archive.writestr("data/b.csv", f"text,label\n{content}")
    source = f"{tmp_path}/a.zip/{inner}"
    assert f"source: {source}" in page_about(source)
    card = download(DataParams(name="custom", source=source), tmp_path / "raw")
    assert sum(split["rows"] for split in card["splits"].values()) == 40


@pytest.mark.parametrize(
    ("flags", "question"),
    [
        (
            lambda r: [int(r.random() < 0.4) for _ in range(3)],
            "the data look multi-label; allowed: one class per document",
        ),
        (
            lambda r: r.choice([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
            "together they are one label; allowed: write the label",
        ),
    ],
)
def test_a_label_in_several_columns_is_asked_about_as_what_it_is(
    tmp_path: Path, flags: Callable[[random.Random], list[int]], question: str
) -> None:
    generator = random.Random(1)
    rows = [(f"{text},{','.join(map(str, flags(generator)))}", "") for text, _ in ROWS]
    path = lines(tmp_path / "a.csv", "{text}", rows, "comment_text,toxic,obscene,threat\n")
    with pytest.raises(Unclear, match=question):
        read(path)


def test_english_with_a_few_foreign_words_is_western(tmp_path: Path) -> None:
    english = [(f"the père of a film is in the theatre and it is good to see for {n}", str(n % 2)) for n in range(200)]
    english = [(text if n % 20 == 0 else text.replace("père", "man"), label) for n, (text, label) in enumerate(english)]
    content = "text,label\n" + "".join(f"{text},{label}\n" for text, label in english)
    (tmp_path / "a.csv").write_bytes(content.encode("cp1252"))
    assert read(tmp_path / "a.csv", Layout(None, None, "auto")) == english
    broken = content.replace("for 40,", "for 40 caf\xe9\x81,").encode("latin-1").replace(b"p\xe8re", "père".encode())
    (tmp_path / "a.csv").write_bytes(broken)
    notes: list[str] = []
    texts = [document.text or "" for document in parse([tmp_path / "a.csv"], Layout(None, None, "auto"), notes)]
    assert texts[0].startswith("the père of")
    assert texts[40].endswith("for 40 café\x81")
    assert "some lines, such as line 42 of" in notes[0]


def test_a_json_file_for_each_class_and_split_is_read(tmp_path: Path) -> None:
    for intent in ("GetWeather", "PlayMusic"):
        for kind, number in (("train", 1), ("train_full", 3), ("validate", 2)):
            split, _, full = kind.partition("_")
            parts = [{"data": [{"text": f"{kind} "}, {"text": str(n), "entity": "x"}]} for n in range(number)]
            name = f"{intent}/{split}_{intent}{'_full' if full else ''}.json"
            write(tmp_path / name, json.dumps({intent: parts}, indent=2))
    documents = [(document.split, document.text, document.label) for document in parse([tmp_path], Layout(None, None))]
    intents = ("GetWeather", "PlayMusic")
    assert documents == [
        *(("train", f"train_full {n}", intent) for intent in intents for n in range(3)),
        *(("test", f"validate {n}", intent) for intent in intents for n in range(2)),
    ]
    write(tmp_path / "GetWeather/train_GetWeather_full.json", '{"GetWeather": [{"data": [{"txt": "x"}]}]}')
    with pytest.raises(DataError, match=r"train_GetWeather_full\.json is not JSON of one class; allowed: "):
        read(tmp_path)
