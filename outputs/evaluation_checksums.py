"""The checksums of evaluated trainings, on which the stage compare depends: data/evaluated/<variant>-<seed>.sha256.

It cannot depend on the folder results: trainings that are no longer compared stay there, in this working copy and not
in others. Of data/evaluated it keeps what is compared, before DVC records the folder.
"""

from pathlib import Path

from config.compare import CompareParams
from core import file_io, paths
from core.errors import DataError
from core.paths import EVALUATED

FILES = ("config.json", "history.json", "metrics.json", "predictions.parquet")  # config.json has the weights' checksum


def write(variant: str, seed: int) -> None:
    """Of the files of one training, a line each, as `sha256sum` writes and checks it."""
    files = [paths.folder(variant, seed) / name for name in FILES]
    lines = [f"{file_io.checksum(file).removeprefix('sha256:')}  {file}\n" for file in files]
    with file_io.whole(_path(variant, seed)) as path:
        path.write_text("".join(lines), encoding="utf-8")


def keep_only(compare: CompareParams) -> None:
    """Removes the checksums of trainings that are not compared; DVC's cache has them, should they be again.

    Raises:
        DataError: the folder cannot be written.
    """
    compared = {_path(variant, seed) for variant in compare.variants for seed in compare.seeds}
    try:
        for path in set(EVALUATED.glob("*.sha256")) - compared:
            path.unlink()
    except OSError as error:
        raise DataError(f"{EVALUATED} cannot be written: {error.strerror}") from None


def _path(variant: str, seed: int) -> Path:
    return EVALUATED / f"{variant}-{seed}.sha256"
