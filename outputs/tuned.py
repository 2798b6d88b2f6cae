"""What the stage tune leaves in data/tuned/<variant>/: the setting of each training, and all trials."""

import shutil
from pathlib import Path
from typing import Any

from config.compare import CompareParams
from config.settings import Setting
from core import file_io
from core.errors import DataError
from core.paths import TUNED

TRIALS = "trials.json"


def write_tuned(variant: str, settings: dict[int, Setting], search: dict[str, Any] | None, root: Path = Path()) -> None:
    """Writes the setting of each training by its seed, and what the `search` found (None where there was none)."""
    with file_io.whole_folder(root / TUNED / variant) as folder:
        for seed, setting in settings.items():
            file_io.write_json(folder / _name(seed), setting)
        if search is not None:
            file_io.write_json(folder / TRIALS, search)


def read_setting(variant: str, seed: int, root: Path = Path()) -> Setting:
    """The values that the training of `variant` with `seed` has instead of those in params.yaml; empty: none.

    Raises:
        DataError: the file is missing or broken.
    """
    setting: Setting = file_io.read_json(root / TUNED / variant / _name(seed), made_by="tune")
    return setting


def read_search(variant: str) -> dict[str, Any] | None:
    """What the search for the best setting of `variant` found; None where there was none."""
    path = TUNED / variant / TRIALS
    if not path.exists():
        return None
    search: dict[str, Any] = file_io.read_json(path, made_by="tune")
    return search


def keep_only(compare: CompareParams) -> None:
    """Removes the folders of variants that are not compared, on which the stage compare would depend.

    Raises:
        DataError: a folder cannot be removed.
    """
    try:
        for folder in TUNED.glob("[!.]*"):
            if folder.name not in compare.variants:
                shutil.rmtree(folder)
    except OSError as error:
        raise DataError(f"{TUNED} cannot be written: {error.strerror}") from None


def _name(seed: int) -> str:
    return f"seed-{seed}.json"
