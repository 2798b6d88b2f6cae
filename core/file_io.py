"""Writes files and folders whole or not at all, checks the files that it reads, and names the file in each error."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from core.checksums import checksum
from core.errors import DataError
from core.replacing import beside, replacing


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Like `replacing`, for an output of a stage; also creates its folder.

    Raises:
        DataError: the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            yield temporary
    except (OSError, SafetensorError) as error:
        raise _unwritable(path, error) from None


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` to fill; it replaces `folder` unless the block raises.

    Raises:
        DataError: the disk refuses.
    """
    made, old = beside(folder, "part"), beside(folder, "old")
    try:
        shutil.rmtree(made, ignore_errors=True)  # of a killed process that had the same number
        made.mkdir(parents=True)
        yield made
        if folder.exists():
            folder.rename(old)
        made.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:
        if old.exists() and not folder.exists():  # an error or a signal came between the two names
            old.rename(folder)
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _unwritable(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(getattr(error, "strerror", None) or error).split())
    unchanged = "; the previous version is unchanged" if path.exists() else ""  # DVC removes it before a stage runs
    return DataError(f"{path} cannot be written: {reason}{unchanged}")


def verified(path: Path, checksums: Mapping[str, str]) -> Path:
    """Returns `path` if the file has its checksum in `checksums`; a missing file is left to the code that opens it.

    Raises:
        DataError: the file has another checksum, or cannot be read.
    """
    try:
        intact = checksum(path) == checksums[path.name]
    except FileNotFoundError:
        return path
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if not intact:
        raise DataError(f"{path} is damaged: its checksum does not match; delete it and run dvc repro")
    return path


def write_json(path: Path, content: Any) -> None:
    """Writes `content` so that a person and `git diff` can read it."""
    with whole(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )


def read_json(path: Path, made_by: str) -> Any:
    """The content of `path`, which the stage `made_by` writes.

    Raises:
        DataError: the file is missing or broken.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the stage {made_by} makes it: dvc repro") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{path} is broken ({error}); delete it and run dvc repro") from None
