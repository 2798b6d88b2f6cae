"""Writes files and folders whole or not at all, checks what it reads, and names the file in each error."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from core.checksums import checksum as checksum
from core.errors import DataError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it becomes `path` if nothing goes wrong.

    Raises:
        DataError: the disk does not take it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise _unwritable(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` to fill; it takes its place if nothing goes wrong.

    Raises:
        DataError: the disk does not take it.
    """
    made = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
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
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _unwritable(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(getattr(error, "strerror", None) or error).split())
    kept = "; what was there before is still there" if path.exists() else ""  # DVC removes it before a stage runs
    return DataError(f"{path} cannot be written: {reason}{kept}")


def verified(path: Path, checksums: Mapping[str, str]) -> Path:
    """`path`, if it has the checksum that its name has in `checksums`; one that is missing is left to who opens it.

    Raises:
        DataError: the file is not the one that was written.
    """
    try:
        intact = checksum(path) == checksums[path.name]
    except FileNotFoundError:
        return path
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if not intact:
        raise DataError(
            f"{path} is damaged: its checksum is not the one it was written with; delete it and run dvc repro"
        )
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
