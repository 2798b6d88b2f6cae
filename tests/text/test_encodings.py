"""Encodings: read right, or asked for; never a wrong character."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DataError
from text.sources.columns import Layout
from text.sources.custom import parse

AUTO = Layout("text", "label", "auto")
SAMPLES = {
    "cp1252": "Le café était très agréable, à côté de la plage; “naïve” — 5 €. Ça coûte £3 à l’hôtel",
    "cp1250": "Dobrý film, příběh se mi moc líbil, řada žánrů. Książka była świetna, bardzo ładna",
    "cp1254": "Güzel bir film, çok beğendim, şiddetle öneririm, ışık iyiydi",
    "cp1251": "Хороший фильм, мне понравилось. Отличная игра. Сюжет Слабый",
    "koi8-r": "Хороший фильм, мне понравилось. Отличная игра. Сюжет Слабый",
    "cp1253": "Πολύ καλή ταινία, μου άρεσε η ιστορία",
    "cp949": "좋은 영화입니다 정말 재미있어요 또 보고 싶다",
    "gb18030": "很好的电影，我喜欢。这是一部有意思的作品",
    "cp932": "とても良い映画でした。感動しました。",
    "cp866": "Хороший фильм, мне понравилось. Отличная игра. Сюжет Слабый",
    "cp1256": "فيلم جيد جدا، أعجبني كثيرا والقصة جميلة",
    "cp874": "หนังเรื่องนี้ดีมาก ชอบมาก แนะนำให้ดู",
}
ENDINGS = {
    "iso8859-2": "ąęłóśżźć",
    "cp1250": "ąęłóśżźć",
    "cp1252": "áéíóúñü",
    "cp1254": "ğışçöü",
    "cp1255": "אבגדהוזחטיכלמנ",
}


def write(path: Path, text: str, encoding: str) -> Path:
    path.write_bytes(f'text,label\n"{text}",x\nplain,y\n'.encode(encoding))
    return path


def read(path: Path) -> tuple[list[str | None], list[str]]:
    notes: list[str] = []
    return [document.text for document in parse([path], AUTO, notes)], notes


@pytest.mark.parametrize("encoding", sorted(SAMPLES.keys() - {"cp1254"}))
def test_what_people_write_in_an_encoding_is_read_right(tmp_path: Path, encoding: str) -> None:
    texts, [note] = read(write(tmp_path / "a.csv", SAMPLES[encoding], encoding))
    assert texts == [SAMPLES[encoding], "plain"]
    assert note.startswith(f"encoding found: {encoding}; it reads words such as ")


@pytest.mark.parametrize("encoding", ENDINGS)
def test_many_words_show_the_alphabet(tmp_path: Path, encoding: str) -> None:
    """Few would have two plausible readings: niño and nińo."""
    words = [
        a + ("" if encoding == "cp1255" else "bo") + b + c
        for a in "kt"
        for b in ENDINGS[encoding]
        for c in ENDINGS[encoding]
    ]
    if encoding == "cp1255":
        words = [word[1:] * 2 for word in words]
    text = " ".join(dict.fromkeys(words))
    texts, _ = read(write(tmp_path / "a.csv", text, encoding))
    assert texts == [text, "plain"]


@pytest.mark.parametrize("text", SAMPLES.values())
def test_utf_8_comes_first_and_without_a_word(tmp_path: Path, text: str) -> None:
    assert read(write(tmp_path / "a.csv", text, "utf-8")) == ([text, "plain"], [])


def test_two_plausible_readings_are_asked_for(tmp_path: Path) -> None:
    place = r"line 2 of .*a\.csv is not UTF-8 text: byte 0xf1 at position 7; "
    question = r"set data\.encoding to the right one: cp1252 reads '\"el-niño.*', cp1250 reads '\"el-nińo"
    with pytest.raises(DataError, match=place + question):
        read(write(tmp_path / "a.csv", "el-niño", "cp1252"))


def test_turkish_may_be_icelandic_and_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cp1252 reads '.*', cp1254 reads '.*'"):
        read(write(tmp_path / "a.csv", SAMPLES["cp1254"], "cp1254"))


@pytest.mark.parametrize("content", [b"\x81\xff\xff\xff", "café".encode() + b" \xe9t\xe9"])
def test_bytes_of_no_encoding_and_of_two_are_named_by_line_and_position(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(b"text,label\n" + content + b",x\n")
    with pytest.raises(DataError, match=r"line 2 of .*a\.csv is not UTF-8 text: byte 0x.. at position [0-9]+; "):
        read(tmp_path / "a.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data(), encoding=st.sampled_from(sorted(SAMPLES)))
def test_a_text_is_read_right_or_refused(tmp_path: Path, data: st.DataObject, encoding: str) -> None:
    """Words of the language in any order, as few as one."""
    words = data.draw(st.lists(st.sampled_from(SAMPLES[encoding].replace(",", "").split()), min_size=1))
    path = write(tmp_path / "a.csv", " ".join(words), encoding)
    try:
        assert read(path)[0][0] == " ".join(words)
    except DataError as error:
        assert "data.encoding" in str(error)
