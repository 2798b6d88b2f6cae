"""Compiled loops over the bytes of texts, for words.py; a loop in Python takes 4.5 times as long."""

import numpy as np

from core.compiled import compiled, inline

# What a byte does: it belongs to a word, ends one, is a word by itself, is dropped, or may begin <br />.
PART, SPACE, SINGLE, NOTHING, TAG = range(5)

_LINE_BREAK = np.frombuffer(b"<br />", np.uint8)
_NO_CODE = np.uint64(14695981039346656037)  # of a word without bytes


@compiled
def number_words(data, stops, kinds, small, words, ends, codes, count, slots, numbers, lengths):
    """Splits texts into words and numbers them in order of first occurrence.

    Args:
        data: uint8 (bytes,), the texts in UTF-8, concatenated.
        stops: (texts,), where each text ends in `data`.
        kinds, small: (256,), the role of each byte, and the lowercase byte.
        words, ends, codes: the bytes of the known words, concatenated, and for each word (words,) its end in `words`
            and its hash code. Each array has room for as many more entries as `data` has bytes.
        count: the number of known words.
        slots: a hash table with open addressing: word numbers, -1 if free.
        numbers, lengths: outputs: the word numbers of all texts, concatenated, and each text's word count (texts,).

    Returns:
        The number of known words, and the hash table, which may have grown.
    """
    position = written = 0
    start = ends[count - 1] if count else 0  # of the word being read, after all known words
    end, code = start, _NO_CODE
    for text in range(len(stops)):
        stop, first = stops[text], written
        slots = _enough(slots, codes[:count], stop - position)
        while position <= stop:
            kind, width = SPACE, 1  # as after the end of the text
            if position < stop:
                byte = small[data[position]]
                kind = kinds[byte]
                if kind == TAG:
                    width = _line_break(data, position, stop, kinds, small)
                    kind, width = (SPACE, width) if width else (PART, 1)
            position += width
            if kind == PART:
                words[end], end, code = byte, end + 1, _and_then(code, byte)
            elif kind != NOTHING:
                if end > start:
                    number = _find(words, start, end, ends, code, codes, count, slots)
                    if number == count:
                        count, start = count + 1, end
                    numbers[written], written = number, written + 1
                    end, code = start, _NO_CODE
                if kind == SINGLE:
                    words[start] = byte
                    number = _find(words, start, start + 1, ends, _and_then(code, byte), codes, count, slots)
                    if number == count:
                        count, start = count + 1, start + 1
                    numbers[written], written = number, written + 1
                    end = start
        position = stop
        lengths[text] = written - first
    return count, slots


@inline
def _and_then(code, byte):
    """The hash code of a word and one more byte: FNV-1a (Fowler, Noll and Vo)."""
    return (code ^ np.uint64(byte)) * np.uint64(1099511628211)


@inline
def _find(words, start, end, ends, code, codes, count, slots):
    """The number of the word from `start` to `end`; a new one is added to the table and gets the number `count`."""
    slot = _slot(code, slots)
    number = slots[slot]
    while number >= 0 and not (codes[number] == code and _is_there(words, start, end, ends, number)):
        slot = (slot + 1) & (len(slots) - 1)
        number = slots[slot]
    if number < 0:
        number = count
        slots[slot], codes[count], ends[count] = count, code, end
    return number


@inline
def _is_there(words, start, end, ends, number):
    first = ends[number - 1] if number else 0
    same = ends[number] - first == end - start
    while same and start < end:
        same = words[first] == words[start]
        first, start = first + 1, start + 1
    return same


@inline
def _slot(code, slots):
    return np.int64((code ^ (code >> np.uint64(32))) & np.uint64(len(slots) - 1))


@compiled
def _enough(slots, codes, more):
    """The hash table with room for `more` words, at most half full."""
    size = len(slots)
    while size < 2 * (len(codes) + more):
        size *= 2
    if size == len(slots):
        return slots
    larger = np.full(size, -1, np.int32)
    for number in range(len(codes)):
        slot = _slot(codes[number], larger)
        while larger[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        larger[slot] = number
    return larger


@compiled
def _line_break(data, position, stop, kinds, small):
    """The number of bytes from `position` that spell <br />, dropped bytes included; 0 if they spell something else."""
    matched = 0
    for end in range(position, stop):
        byte = small[data[end]]
        if byte == _LINE_BREAK[matched]:
            matched += 1
            if matched == len(_LINE_BREAK):
                return end + 1 - position
        elif kinds[byte] != NOTHING:
            return 0
    return 0
