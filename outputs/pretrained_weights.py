"""Writes and reads the weights of the stage pretrain, data/pretrained/weights.safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from core import file_io
from core.checksums import checksum
from core.errors import DataError
from core.paths import PRETRAINED
from outputs.pretrained import DESCRIPTION, WEIGHTS


def write_pretraining(description: dict[str, Any], weights: Mapping[str, Tensor], root: Path = Path()) -> None:
    """Writes the weights and their description with their checksum, both or nothing."""
    with file_io.whole_folder(root / PRETRAINED) as folder:
        save_file({name: tensor.cpu().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)
        file_io.write_json(folder / DESCRIPTION, {**description, "checksum": checksum(folder / WEIGHTS)})


def read_weights(entry: Mapping[str, Any], root: Path = Path()) -> dict[str, Tensor]:
    """The weights that an entry (outputs/pretrained.py) is about.

    Raises:
        DataError: the file is missing, or is not the one that the entry describes.
    """
    path = file_io.verified(root / PRETRAINED / WEIGHTS, {WEIGHTS: entry["checksum"]})
    if not path.exists():
        raise DataError(f"{path} is missing; the stage pretrain makes it: dvc repro")
    return load_file(path)
