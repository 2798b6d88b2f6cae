"""Detects the encoding of a user's text files: UTF-8 if all are UTF-8, else the only one that gives plausible words.

Libraries that guess (charset-normalizer, chardet) rank encodings. They rank cp1252 and cp1250 equally for French, and a
wrong choice silently corrupts texts. Here an encoding is chosen only if no other one gives a different plausible
reading; otherwise an error shows the user all of these readings. English texts with a few borrowed words are read as
cp1252 if the words are plausible in it, and as a mixture of UTF-8 and cp1252 if no single encoding fits.
"""

import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from core import mixed_encoding
from text.sources.lines import decode, hint_for, numbered_lines

AUTO = "auto"
MOST_WORDS = 20_000  # different words beyond ASCII that are looked at
LEAST_PLAUSIBLE = 0.95  # share of these words
ENGLISH = frozenset((b"the", b"and", b"of", b"to", b"in", b"is", b"a", b"i", b"it", b"for"))
LINES_FOR_LANGUAGE = 10_000  # lines that are looked at
LEAST_ENGLISH = 0.1  # share of these words in an English text: about a quarter
MOST_BORROWED = 0.02  # share of words beyond ASCII in English; Turkish and Polish have over 20 %
MARK_WITHOUT_LETTER = re.compile("(^|[^\u0e01-\u0e5b])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]")  # of Thai
CONTROL = re.compile("[\x80-\x9f]")  # no text holds these characters
BEYOND_ASCII = re.compile(rb"[^\s\x00-\x1f]*[\x80-\xff][^\s\x00-\x1f]*")

PUNCTUATION = "“”„‘’‚–—…«»•·°§©®™€№\u00a0"
HANGUL, KANA, HANZI = "\uac00-\ud7a3\u3131-\u3163", "\u3040-\u30ff", "\u4e00-\u9fff"
WIDE = "\u3000-\u303f\uff01-\uff5e"  # punctuation and letters of full width
CENTRAL_EUROPEAN = "ąćęłńóśźżáčďéěíňřšťúůýžőűöüäßâîăĄĆĘŁŃÓŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽŐŰÖÜÄ"
ENOUGH_WORDS = 50  # among so many different words beyond ASCII, a usual letter of the alphabet must occur
# For each encoding: the characters beyond ASCII that its texts may contain, and usual ones, of which one must occur.
CANDIDATES = {
    "cp1252": ("éèêëàâäáãåæçíìîïñóòôöõøœúùûüßðþýÐÞÝÉÈÊÀÁÄÅÆÇÍÎÑÓÔÖÕØŒÚÜ£¿¡½¼¾×´", ""),
    "cp1250": (CENTRAL_EUROPEAN, "ąęłřěšžőűă"),
    "cp1254": ("ğışçöüâîûĞİŞÇÖÜÂ", ""),
    "iso8859-2": (CENTRAL_EUROPEAN, "ąęłřěšžőűă"),
    "cp1251": ("а-яА-ЯёЁіїєґІЇЄҐ№", "ьыюя"),
    "koi8-r": ("а-яА-ЯёЁ", "аеио"),
    "cp866": ("а-яА-ЯёЁ№", "аеио"),
    "cp1253": ("α-ωΑ-Ωά-ώΆΈΉΊΌΎΏϊϋΐΰ", "άέήίόύώ"),
    "cp1255": ("א-ת\u05b0-\u05c2₪", "יוה"),
    "cp1256": ("\u0621-\u063a\u0640-\u0652پچژگکںےھہ،؛؟\u200c\u200d", "اليم"),
    "cp874": ("\u0e01-\u0e3a\u0e3f-\u0e5b", "ารน"),
    "cp949": (HANGUL + WIDE, ""),
    "gb18030": (HANZI + WIDE, "是我一有在这了"),
    "big5": (HANZI + WIDE, "是我一有在這了"),
    "cp932": (HANZI + KANA + WIDE, "のはをにがでた"),
    "euc_jp": (HANZI + KANA + WIDE, "のはをにがでた"),
}
ICELANDIC, ITS_VOWELS = "ðþýÐÞÝ", "áíóúæ"  # in cp1252; without these vowels it is Turkish in cp1254
LATIN = ("cp1252", "cp1250", "cp1254", "iso8859-2")  # most letters of a word are ASCII
ONE_SCRIPT = ("cp1251", "koi8-r", "cp866", "cp1253", "cp1255", "cp1256")  # their letters do not stand beside Latin ones
ALPHABETS = (*LATIN, *ONE_SCRIPT)
MOST_ACCENTED = 3  # letters of a Latin word without any letter of ASCII


class Encodings:
    """Looks at all text files of a source, then decides."""

    def __init__(self) -> None:
        self._words: dict[bytes, None] = {}
        self._first_fault: tuple[bytes, int, str] | None = None  # the line, its number, the file
        self._lines = self._all_words = self._english_words = self._words_beyond_ascii = 0

    def add(self, lines: Iterable[bytes], origin: str) -> None:
        """Looks at one file; raises nothing."""
        for number, line in numbered_lines(lines):
            if self._lines < LINES_FOR_LANGUAGE:
                self._count(line)
            if line.isascii():
                continue
            if self._first_fault is None and not _is_utf8(line):
                self._first_fault = (line, number, origin)
            if len(self._words) < MOST_WORDS:
                self._words |= dict.fromkeys(BEYOND_ASCII.findall(line))

    def decide(self) -> tuple[str, list[str]]:
        """The encoding, and a note if it is not UTF-8.

        Raises:
            DataError: the files are not UTF-8, and no other encoding is plausible, or several are; the message names
                the line and position of the first invalid byte.
        """
        if self._first_fault is None:
            return "utf-8", []
        readings: dict[str, str] = {}  # encoding by what it makes of the words
        for encoding in CANDIDATES:
            reading = self._reading(encoding)
            if reading is not None:
                readings.setdefault(reading, encoding)
        if "cp949" in readings.values():  # Thai is never made of pairs of bytes that are Korean syllables
            readings = {reading: encoding for reading, encoding in readings.items() if encoding != "cp874"}
        line, number, origin = self._first_fault
        if not readings and self._is_english():
            example = f"line {number} of {Path(origin).name}"  # without the path: the note stands in the data card
            note = f"some lines, such as {example}, are not UTF-8; they are read as cp1252, Windows' Western encoding"
            return mixed_encoding.NAME, [note]
        if self._is_english() and (western := [item for item in readings.items() if item[1] == "cp1252"]):
            readings = dict(western)
        if len(readings) == 1:
            [(reading, encoding)] = readings.items()
            return encoding, [f"encoding found: {encoding}; it reads words such as {reading[:40]!r}"]
        hint = hint_for(line, "utf-8")
        if readings:
            word = next(word for word in self._words if len({_read(word, name) for name in readings.values()}) > 1)
            shown = ", ".join(f"{name} reads {_read(word, name)[:40]!r}" for name in readings.values())
            hint = f"set data.encoding to the right one: {shown}"
        decode(line, f"line {number} of {origin}", "utf-8", f"; {hint}")
        raise AssertionError("a line that is no UTF-8")

    def _count(self, line: bytes) -> None:
        words = line.lower().split()
        self._lines += 1
        self._all_words += len(words)
        self._english_words += sum(word in ENGLISH for word in words)
        self._words_beyond_ascii += 0 if line.isascii() else sum(not word.isascii() for word in words)

    def _is_english(self) -> bool:
        """Whether the texts are English with a few borrowed words, which are then those of Western Europe."""
        english, borrowed = LEAST_ENGLISH * self._all_words, MOST_BORROWED * self._all_words
        return self._english_words >= english and self._words_beyond_ascii <= borrowed

    def _reading(self, encoding: str) -> str | None:
        """The words as decoded with `encoding`; None if the result is implausible."""
        try:
            words = [word.decode(encoding) for word in self._words]
        except UnicodeDecodeError:
            return None
        text = " ".join(words)
        if CONTROL.search(text):
            return None
        characters, needed = CANDIDATES[encoding]
        allowed = re.compile(f"[\x21-\x7e{PUNCTUATION}{characters}]*")
        plausible = sum(bool(allowed.fullmatch(word)) and _is_plausible(word, encoding) for word in words)
        if plausible < LEAST_PLAUSIBLE * len(words):
            return None
        if encoding == "cp1252" and set(ICELANDIC) & set(text):
            needed = ITS_VOWELS
        are_enough = encoding not in ALPHABETS or len(words) >= ENOUGH_WORDS
        if needed and are_enough and not set(needed) & set(text):
            return None
        return text


def _is_plausible(word: str, encoding: str) -> bool:
    """Whether letters beyond ASCII are in plausible places: not beside digits, nor in a wrong case or script.

    Korean texts consist of the syllables of EUC-KR; cp949 adds further syllables, which are hardly ever written.
    """
    if encoding == "cp949":
        return all(character.isascii() or len(character.encode("euc_kr", "ignore")) == 2 for character in word)
    if encoding == "cp874":
        return not MARK_WITHOUT_LETTER.search(word)
    if encoding in LATIN:
        letters = [character for character in word if character.isalpha()]
        if len(letters) > MOST_ACCENTED and not any(map(str.isascii, letters)):
            return False
    for a, b in pairwise(word):
        beyond = (a > "\x7f" and a.isalpha()) or (b > "\x7f" and b.isalpha())
        if beyond and encoding in ALPHABETS:
            if a.isdigit() or b.isdigit() or (a.islower() and b.isupper()):
                return False
            if encoding in ONE_SCRIPT and a.isalpha() and b.isalpha() and a.isascii() != b.isascii():
                return False
    return True


def _read(word: bytes, encoding: str) -> str:
    return word.decode(encoding, errors="replace")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
