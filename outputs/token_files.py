"""The files of data/tokens, each checked against the checksum that the stage tokenize wrote into summary.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core import file_io
from core.errors import DataError
from core.paths import TOKENS
from text.tokenizing.token_file import TokenStore


def read_summary(root: Path = Path()) -> dict[str, Any]:
    """summary.json: settings, labels, size of the vocabulary, checksums of the files.

    Raises:
        DataError: the file is missing or broken.
    """
    summary: dict[str, Any] = file_io.read_json(root / TOKENS / "summary.json", made_by="tokenize")
    return summary


def token_file(name: str, checksums: Mapping[str, str], root: Path = Path()) -> Path:
    """The path of the file `name`, whose checksum is verified.

    Raises:
        DataError: as `file_io.verified`.
    """
    return file_io.verified(root / TOKENS / name, checksums)


def open_split(split: str, checksums: Mapping[str, str], root: Path = Path()) -> TokenStore:
    """The documents of a split: train, validation or test.

    Raises:
        DataError: the file is missing or broken, or `checksums` does not know it.
    """
    if f"{split}.arrow" not in checksums:
        raise DataError(f"the {split} split is closed to this training, which may not see it")
    return TokenStore.open(token_file(f"{split}.arrow", checksums, root))
