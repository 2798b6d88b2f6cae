"""Finished trainings of the stages tune and settings: trials/<signature>.json at the repository's root.

A training of settings also has its predictions there (.parquet).

They are no outputs of DVC, which deletes its outputs before each run: a search that was killed, or one with more trials
than before, repeats none of them. A file appears whole, and its signature covers everything that decides its content.
"""

from pathlib import Path
from typing import Any

from core import file_io
from core.repository import repository_root

Outcome = dict[str, Any]


def read(signature: str) -> Outcome | None:
    """What the training with this signature reached; None if it is not done."""
    path = file(signature)
    if not path.exists():
        return None
    outcome: Outcome = file_io.read_json(path, made_by="tune")
    return outcome


def write(signature: str, outcome: Outcome) -> None:
    """Writes the file, whole or not at all."""
    file_io.write_json(file(signature), outcome)


def files_of(variant: str) -> list[Path]:
    """The files of all trainings of `variant` that are done, below the repository's root."""
    every = sorted(Path("trials").glob("*.json"))
    return [path for path in every if file_io.read_json(path, made_by="tune")["variant"] == variant]


def file(signature: str, suffix: str = ".json") -> Path:
    """The path of the file for this signature."""
    return repository_root() / "trials" / f"{signature}{suffix}"
