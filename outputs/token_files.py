"""The files of data/tokens, each checked against the checksum that the stage tokenize wrote into summary.json."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import file_io
from core.errors import DataError
from core.folds import splits_of
from core.paths import TOKENS
from text.tokenizing.token_file import TokenizedDocuments


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


def open_part(
    part: str, config: Mapping[str, Any], root: Path = Path(), fold_seed: int | None = None
) -> TokenizedDocuments:
    """The documents that the training of `config` uses as train, validation or test: a split or, with folds, several.

    With data.folds, `fold_seed` determines the folds (core/folds.py); None: the training's own seed does.

    Raises:
        DataError: a file is missing or broken.
    """
    seed = config["seed"] if fold_seed is None else fold_seed
    splits = splits_of(part, seed, config["data"].get("folds"))
    return open_splits(splits, config["tokens"], root)


def training_documents(summary: Mapping[str, Any]) -> int:
    """The number of documents that a training learns from; with folds on average."""
    splits = summary["splits"]
    if (folds := summary["data"].get("folds")) is None:
        return int(splits["train"]["documents"])
    return round(sum(int(split["documents"]) for split in splits.values()) * (int(folds) - 2) / int(folds))


def share_unknown_in_tests(summary: Mapping[str, Any]) -> float:
    """The share of the test tokens that are not in the vocabulary; with folds the largest of a fold."""
    splits = summary["splits"]
    tests = [splits["test"]] if "test" in splits else splits.values()
    return max(float(split["share_unknown"]) for split in tests)


def open_splits(splits: Sequence[str], checksums: Mapping[str, str], root: Path = Path()) -> TokenizedDocuments:
    """The documents of the `splits`, such as train, or fold-1 and fold-2.

    Raises:
        DataError: a file is missing or broken, or `checksums` does not know it.
    """
    for split in splits:
        if f"{split}.arrow" not in checksums:
            raise DataError(f"this training may not read the {split} split")
    paths = [token_file(f"{split}.arrow", checksums, root) for split in splits]
    return TokenizedDocuments.open(*paths)
