"""Where the stages put their outputs, and how files are written: whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from errors import DataError

RAW = Path("data/raw")
TOKENS = Path("data/tokens")
VARIANTS = Path("data/variants")
RESULTS = Path("results")
REPORTS = Path("reports")


def folder(variant: str, seed: int) -> Path:
    """The folder of one training and its evaluation."""
    return RESULTS / variant / f"seed-{seed}"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it becomes `path` if nothing goes wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
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
        raise DataError(f"{folder} cannot be written: {' '.join(str(error).split())}") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


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
    except ValueError as error:
        raise DataError(f"{path} is broken ({error}); delete it and run dvc repro") from None
