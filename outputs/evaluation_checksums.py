"""The checksums of evaluated trainings, on which the stage compare depends: data/evaluated/<variant>-<seed>.sha256.

The stage cannot depend on the folder results: trainings that are no longer compared stay there, and they differ between
working copies. In data/evaluated the stage keeps only the compared trainings, before DVC records the folder.
"""

from collections.abc import Sequence
from pathlib import Path

from config.compare import CompareParams
from core import file_io, paths
from core.checksums import checksum_line
from core.errors import DataError
from core.paths import EVALUATED, SETTINGS, setting_name

FILES = ("config.json", "history.json", "metrics.json", "predictions.parquet")  # config.json has the weights' checksum


def write(variant: str, seed: int, root: Path = Path()) -> None:
    """Writes the checksums of one training's files, for `sha256sum --check` at `root`."""
    names = [paths.folder(variant, seed) / name for name in FILES]
    with file_io.whole(root / _path(variant, seed)) as path:
        path.write_text(_lines(names, root), encoding="utf-8")


def is_current(variant: str, seed: int, root: Path = Path()) -> bool:
    """Whether one training has been evaluated, and has not been trained again since."""
    names = [paths.folder(variant, seed) / name for name in FILES]
    try:
        return (root / _path(variant, seed)).read_text(encoding="utf-8") == _lines(names, root)
    except FileNotFoundError:
        return False


def check(variant: str, seed: int) -> None:
    """Refuses test scores and predictions that are not those of the present weights.

    Raises:
        DataError: the training has not been evaluated since it last ran.
    """
    if not is_current(variant, seed):
        folder = paths.folder(variant, seed)
        raise DataError(f"{folder} has not been evaluated since it was trained; the stage evaluate does it: dvc repro")


def check_compared(compare: CompareParams) -> None:
    """The same for all trainings that are compared."""
    for variant, seed in compare.trainings():
        check(variant, seed)


def write_setting(name: str, root: Path = Path()) -> None:
    """The same for the trainings under one of compare.settings, in data/settings/`name`."""
    files = [file.relative_to(root) for file in sorted((root / SETTINGS / name).iterdir())]
    with file_io.whole(root / EVALUATED / f"{name}.sha256") as path:
        path.write_text(_lines(files, root), encoding="utf-8")


def keep_only(compare: CompareParams) -> None:
    """Removes the checksums of trainings that are not compared; DVC's cache keeps them.

    Raises:
        DataError: the folder cannot be written.
    """
    compared = {_path(variant, seed) for variant, seed in compare.trainings()}
    compared |= {
        EVALUATED / f"{setting_name(variant, number)}.sha256"
        for variant in compare.variants
        for number in range(len(compare.settings))
    }
    try:
        for path in set(EVALUATED.glob("*.sha256")) - compared:
            path.unlink()
    except OSError as error:
        raise DataError(f"{EVALUATED} cannot be written: {error.strerror}") from None


def _lines(names: Sequence[Path], root: Path) -> str:
    return "".join(checksum_line(name, root) for name in names)


def _path(variant: str, seed: int) -> Path:
    return EVALUATED / f"{variant}-{seed}.sha256"
