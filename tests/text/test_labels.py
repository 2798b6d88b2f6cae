"""What labels are called, and how columns that hold no classes are recognised."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text.sources.labels import Spellings, doubts, objection, spelled, twin


@pytest.mark.parametrize(
    ("label", "name"),
    [
        (" pos\t", "pos"),
        ("1.0", "1"),
        ("-12.000", "-12"),
        ("-0.0", "0"),
        ("TRUE", "true"),
        ("False", "false"),
        ("cafe\u0301", "café"),
        # Names that only look like numbers: a section, a code, a version.
        ("1.10", "1.10"),
        ("01", "01"),
        ("007.0", "007.0"),
        ("1.0.0", "1.0.0"),
        ("Pos", "Pos"),
        ("\N{ARABIC-INDIC DIGIT ONE}.0", "\N{ARABIC-INDIC DIGIT ONE}.0"),
    ],
)
def test_a_label_has_one_spelling(label: str, name: str) -> None:
    assert spelled(label) == name


@given(label=st.text())
def test_a_name_is_spelled_as_it_is(label: str) -> None:
    assert spelled(spelled(label)) == spelled(label)


def test_changed_spellings_are_counted_with_examples() -> None:
    spellings = Spellings()
    for label in [*["1.0"] * 5, "1", " 1", "", "  "]:
        spellings.name(label)
    assert list(spellings.notes()) == ["labels whose spelling was changed: 6 (such as '1.0' to '1', ' 1' to '1')"]
    assert list(Spellings().notes()) == []


@pytest.mark.parametrize(
    ("labels", "joined"),
    [
        (["1", "2", "1,2"], "'1,2' joins '1' and '2'"),
        (["a", "b", "a|b"], r"'a|b' joins 'a' and 'b'"),
        (["a", "b; a", "b"], "'b; a' joins 'b' and 'a'"),
        (["a|b", "a", "b|c"], "'a|b' joins 'a' and 'b'"),
        (["0,1", "0,2", "1,2"], "'0,1' joins '0' and '1'"),
        (["1", "2", "1 2"], "'1 2' joins '1' and '2'"),
        (["[1, 2]", "[3]"], "'[1, 2]' joins '1' and '2'"),
        (["[1 2]", "[3]"], "'[1 2]' joins '1' and '2'"),
        (["['joy', 'fear']", "['anger']"], "joins 'joy' and 'fear'"),
        (['["joy","fear","love","hope"]'], "joins 'joy' and 'fear' and 'love' …"),
        (["{a, b}", "{a}"], "'{a, b}' joins 'a' and 'b'"),
    ],
)
def test_labels_that_join_others_look_multi_label(labels: list[str], joined: str) -> None:
    reason = objection(labels, documents=1000, texts=1000)
    assert reason is not None
    assert reason.startswith("data.label_column looks multi-label: ")
    assert joined in reason


@pytest.mark.parametrize(
    "labels",
    [
        ["pos", "neg"],
        ["a, b", "c"],
        ["New York, NY", "Buffalo, NY", "Portland, OR"],
        ["Portland, OR", "Portland, ME", "Salem, OR"],
        ["sports", "sports|football", "sports|golf", "news|football"],
        ["science", "fiction", "science fiction"],
        ["[red]", "[/]", "[blue]"],
        ["0,5", "1,5", "2,5"],
    ],
)
def test_names_of_classes_may_hold_separators(labels: list[str]) -> None:
    assert objection(labels, documents=1000, texts=1000) is None


def test_with_28_base_labels_the_first_joined_one_is_named() -> None:
    draw = random.Random(1)
    base = [str(n) for n in range(28)]
    labels = list(dict.fromkeys(",".join(sorted(draw.sample(base, draw.choice([1, 1, 2, 3])))) for _ in range(3000)))
    assert len(labels) > 700
    assert "looks multi-label" in (objection(labels, documents=3000, texts=3000) or "")


def test_a_decimal_comma_is_thought_of() -> None:
    assert "a number takes a decimal point" in (objection(["1", "5", "1,5"], 100, 100) or "")


SCORES = [f"0.{n:03}" for n in range(1, 60)]


@pytest.mark.parametrize(
    ("labels", "documents", "texts", "reason"),
    [
        ([str(n) for n in range(60)], 60, 60, "as many different labels as documents (60 in 60): does .* hold ids"),
        ([f"user {n}" for n in range(41)], 60, 60, "too many different labels (41 in 60): does data.label_column"),
        (SCORES, 60, 60, "too many different labels (59 in 60): does data.label_column hold scores instead"),
        (["x", "y", "z"], 14136, 6, "only 6 different texts in 14,136 documents: is data.text_column the right one?"),
        (["x", "y", "z"], 500, 6, "only 6 different texts in 500 documents: is data.text_column the right one?"),
        ([f"a film {n}" for n in range(60)], 60, 2, "60 different labels and 2 different texts in 60 documents: are "),
    ],
)
def test_columns_without_texts_or_classes_are_named(labels: list[str], documents: int, texts: int, reason: str) -> None:
    found = objection(labels, documents, texts) or ""
    assert all(part in found for part in reason.split(".*")), found


@pytest.mark.parametrize(
    ("labels", "documents", "texts"),
    [
        (["0", "1"], 2, 2),  # too small to say anything
        ([str(n) for n in range(6)], 6, 6),
        (["x", "y"], 50, 1),
        ([str(n) for n in range(77)], 10_003, 10_003),
        (["0.5", "1", "1.5", "2"], 100, 100),
        (["x", "y"], 10_000, 256),
    ],
)
def test_texts_and_classes_raise_no_objection(labels: list[str], documents: int, texts: int) -> None:
    assert objection(labels, documents, texts) is None


@pytest.mark.parametrize(
    ("labels", "documents", "texts", "note"),
    [
        (["pos", "Pos", "neg"], 100, 100, "labels that look alike are different classes: 'pos', 'Pos'"),
        (["so so", "so  so"], 100, 100, "labels that look alike are different classes: 'so so', 'so  so'"),
        (["1.5", "1.50"], 100, 100, "labels that look alike are different classes: '1.5', '1.50'"),
        (["1", "01"], 100, 100, "labels that look alike are different classes: '1', '01'"),
        (["a", "\ufeffa"], 100, 100, "labels that look alike are different classes: 'a', '\\ufeffa'"),
        (["x", "y", "nan"], 100, 100, "the label 'nan' is a class; only an empty label is missing"),
        (["x", "N/A"], 100, 100, "the label 'N/A' is a class; only an empty label is missing"),
        (
            ["x", "y", "unsup"],
            100,
            100,
            "the label 'unsup' is a class; does it mark documents without a label? Then leave them out",
        ),
        (
            SCORES,
            1000,
            1000,
            "the 59 labels are fractional numbers: are they scores and not classes? data.bins turns them into classes",
        ),
        ([str(n) for n in range(60)], 200, 200, "only 200 documents for 60 labels"),
        (["x", "y"], 1000, 85, "only 85 different texts in 1,000 documents"),
    ],
)
def test_what_may_be_meant_is_noted(labels: list[str], documents: int, texts: int, note: str) -> None:
    assert objection(labels, documents, texts) is None
    assert list(doubts(labels, documents, texts)) == [note]


def test_nothing_is_noted_about_ordinary_data() -> None:
    assert list(doubts(["neg", "pos", "no.1", "yes, but"], 1000, 990)) == []


def test_a_label_has_a_twin_that_looks_like_it() -> None:
    assert twin("Pos", ["neg", "pos", "Pos"]) == "pos"
    assert twin("Pos", ["neg", "Pos"]) is None
