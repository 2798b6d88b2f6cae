"""An encoding for files in which most lines are UTF-8 and some are Windows-1252: `line.decode("utf-8-or-cp1252")`.

Bytes that are not valid UTF-8 as a whole are decoded as cp1252, and the five that cp1252 leaves undefined as Latin-1.
Importing this module registers the encoding with Python.
"""

import codecs

from typing_extensions import Buffer

NAME = "utf-8-or-cp1252"


def _decode(data: Buffer, errors: str = "strict", /) -> tuple[str, int]:
    content = bytes(data)
    try:
        return content.decode(), len(content)
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="latin-1 for undefined bytes"), len(content)


def _encode(text: str, errors: str = "strict", /) -> tuple[bytes, int]:
    return text.encode(errors=errors), len(text)


def _undefined_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


def _search(name: str) -> codecs.CodecInfo | None:
    return codecs.CodecInfo(_encode, _decode, name=NAME) if name == NAME.replace("-", "_") else None


codecs.register_error("latin-1 for undefined bytes", _undefined_byte)
codecs.register(_search)
