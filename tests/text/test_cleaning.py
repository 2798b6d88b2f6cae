"""data.clean: what is taken out of texts, and that nothing else changes."""

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.data import DataParams
from config.tokenize import TokenizeParams
from pipelines.download import download
from pipelines.tokenize import make_tokens
from text.cleaning import CLEANINGS, cleaned


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("html", "fine<br /><br />film", "fine  film"),
        ("html", 'a <a href="x">link</a>, 1 < 2 and 3 > 2', "a  link , 1 < 2 and 3 > 2"),
        ("html", "R&amp;D &#8220;x&#8221; &lt;b&gt; <3", "R&D “x” <b> <3"),
        ("html", "<script>if (a<b) x()</script>y<!-- no\nword -->", " y "),
        ("urls", "see http://t.co/a?b=1&c, or (www.a.org/x).", "see URL, or (URL)."),
        ("urls", "http and www. alone", "http and www. alone"),
        ("users", "RT @ann_b: mail me@home.org @ 5", "RT @USER: mail me@home.org @ 5"),
    ],
)
def test_what_is_named_is_taken_out(name: str, text: str, expected: str) -> None:
    assert cleaned(text, [name]) == expected


# What is taken out, as one expression; on unclosed comments it takes time that grows with the square of their number.
MARKUP = re.compile(r"<!--.*?-->|<(script|style)\b.*?</\1\s*>|</?[A-Za-z][^<>]*>", re.DOTALL | re.IGNORECASE)
PARTS = ("<!--", "-->", "<script", "</SCRIPT >", "<style>", "</style>", ">", "<b>", "</", "a", " ", "\n")


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_tags_comments_scripts_and_style_sheets_become_spaces(text: str) -> None:
    assert cleaned(text, ["html"]) == MARKUP.sub(" ", text)


def test_a_text_of_unclosed_comments_takes_no_longer_than_others() -> None:
    text = "<!--<script <style " * 50_000
    assert cleaned(text, ["html"]) == text


@given(st.text())
def test_nothing_is_cleaned_unless_it_is_named(text: str) -> None:
    assert cleaned(text, []) == text


@given(st.text(st.characters(exclude_characters="<&@:.")))
def test_texts_without_such_parts_stay_as_they_are(text: str) -> None:
    assert cleaned(text, list(CLEANINGS)) == text


def test_documents_are_cleaned_before_they_are_compared_and_the_tokens_say_it(tmp_path: Path) -> None:
    rows = "".join(f"good <b>film</b> {n},1\nbad&nbsp;<i>film</i> {n},0\n" for n in range(20))
    (tmp_path / "a.csv").write_text(f"text,label\n{rows}good  film  0,1\n")
    data = DataParams(name="custom", source=str(tmp_path / "a.csv"), clean=["html"])
    card = download(data, tmp_path / "raw")
    texts = [text for split in card["splits"] for text in pq.read_table(tmp_path / f"raw/{split}.parquet")["text"]]
    assert not any("<" in text.as_py() or "&" in text.as_py() for text in texts)
    assert sum(card["duplicates"]["within"][split]["rows"] for split in card["splits"]) == 1
    make_tokens(TokenizeParams(), tmp_path / "tokens", tmp_path / "raw")
    assert json.loads((tmp_path / "tokens/summary.json").read_text())["data"]["clean"] == ["html"]


def test_generated_texts_are_not_cleaned() -> None:
    with pytest.raises(ValueError, match=r"data\.clean is \['html'\], but first_token is generated; allowed: \[\]"):
        DataParams(name="first_token", clean=["html"])
