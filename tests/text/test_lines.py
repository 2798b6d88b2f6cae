"""Files in another encoding than the one set, and line ends."""

from pathlib import Path

import pytest

from core.errors import DataError
from text.sources.columns import Layout
from text.sources.custom import parse

HEADS = {".csv": "text,label\n", ".tsv": "text\tlabel\n", ".jsonl": ""}
ROWS = {".csv": "{},{}\n", ".tsv": "{}\t{}\n", ".jsonl": '{{"text": "{}", "label": "{}"}}\n'}


def write(path: Path, texts: list[str], encoding: str) -> Path:
    content = HEADS[path.suffix] + "".join(ROWS[path.suffix].format(text, "xy"[n % 2]) for n, text in enumerate(texts))
    path.write_bytes(content.encode(encoding))
    return path


def read(path: Path, encoding: str) -> tuple[list[str | None], list[str]]:
    notes: list[str] = []
    return [document.text for document in parse([path], Layout("text", "label", encoding), notes)], notes


@pytest.mark.parametrize("suffix", HEADS)
@pytest.mark.parametrize(
    ("encoding", "misread"),
    [("cp1252", "cafÃ©"), ("latin-1", "cafÃ©"), ("windows-1252", "cafÃ©"), ("gb18030", "caf茅")],
)
def test_utf_8_that_is_read_as_another_encoding_is_said(
    tmp_path: Path, suffix: str, encoding: str, misread: str
) -> None:
    texts, [note] = read(write(tmp_path / f"data{suffix}", ["the café", "plain", "the café"], "utf-8"), encoding)
    assert texts[0] == f"the {misread}"
    assert note.startswith(f"data.encoding is {encoding}, but 2 of 2 lines with characters beyond ASCII are UTF-8")
    assert f"'café' was read as {misread!r}; set data.encoding: utf-8" in note


def test_lines_of_two_encodings_are_said(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", ["café", "thé"], "utf-8")
    path.write_bytes(path.read_bytes() + "été,x\n".encode("cp1252"))
    texts, [note] = read(path, "cp1252")
    assert texts == ["cafÃ©", "thÃ©", "été"]
    assert "2 of 3 lines" in note
    assert note.endswith("; convert the others to it")


def test_a_byte_order_mark_alone_says_nothing(tmp_path: Path) -> None:
    assert read(write(tmp_path / "data.csv", ["plain"], "utf-8-sig"), "cp1252") == (["plain"], [])


@pytest.mark.parametrize("encoding", ["cp1252", "gb18030", "cp949"])
def test_what_is_of_the_encoding_that_was_set_is_read_without_a_word(tmp_path: Path, encoding: str) -> None:
    texts = {"cp1252": ["café", "naïve"], "gb18030": ["很好的电影", "不好"], "cp949": ["좋은 영화", "나쁜 영화"]}[
        encoding
    ]
    assert read(write(tmp_path / "data.csv", texts, encoding), encoding) == (texts, [])


@pytest.mark.parametrize("alias", ["utf-8", "UTF8", "utf-8-sig"])
def test_utf_8_by_any_name_is_utf_8(tmp_path: Path, alias: str) -> None:
    assert read(write(tmp_path / "data.csv", ["café"], "utf-8"), alias) == (["café"], [])


@pytest.mark.parametrize("suffix", HEADS)
@pytest.mark.parametrize(
    ("written", "text", "set_to", "hint"),
    [
        (
            "utf-8",
            "Á la carte",
            "cp1252",
            "byte 0x81 at position [0-9]+; the line is UTF-8 text: set data.encoding",
        ),
        ("utf-8", "Á la carte", "windows-1252", "the line is UTF-8 text: set data.encoding to utf-8$"),
        ("utf-8", "Á la carte", "ascii", "the line is UTF-8 text: set data.encoding to utf-8$"),
        ("cp1252", "été", "utf-8", "data.encoding may name another one, such as cp1252$"),
        ("cp1252", "été", "ascii", "data.encoding may name another one, such as cp1252$"),
        ("gb18030", "亅很", "cp1252", "data.encoding may name another one, such as gb18030$"),
        ("gb18030", "亅很", "utf-8", "data.encoding may name another one, such as gb18030$"),
    ],
)
def test_a_hint_never_names_the_encoding_that_was_set(
    tmp_path: Path, suffix: str, written: str, text: str, set_to: str, hint: str
) -> None:
    with pytest.raises(DataError, match=rf"data{suffix} is not {set_to.upper()} text: .*{hint}"):
        read(write(tmp_path / f"data{suffix}", [text], written), set_to)


def test_bytes_of_no_encoding_are_named_without_a_guess(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"text,label\n\x81\xff\xff\xff,x\n")
    with pytest.raises(DataError, match=r"; data\.encoding may name another one, if this is text at all$"):
        read(tmp_path / "data.csv", "utf-8")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("suffix", HEADS)
def test_line_ends_of_every_system_are_read(tmp_path: Path, suffix: str, end: bytes) -> None:
    path = write(tmp_path / f"data{suffix}", ["one", "two", "three"], "utf-8-sig")
    path.write_bytes(path.read_bytes().replace(b"\n", end))
    assert read(path, "utf-8")[0] == ["one", "two", "three"]


def test_a_lone_carriage_return_among_line_feeds_is_no_line_end(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b'text,label\n"one\rtwo",x\n')
    assert read(tmp_path / "data.csv", "utf-8")[0] == ["one\rtwo"]
    (tmp_path / "data.csv").write_bytes(b"text,label\none,x\none\rtwo,x\n")
    with pytest.raises(DataError, match=r"data\.csv is not valid CSV at line 3: new-line character seen in unquoted"):
        read(tmp_path / "data.csv", "utf-8")
