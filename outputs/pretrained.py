"""What the stage pretrain leaves in data/pretrained: weights to start from, and what they are.

A variant that starts from them says so in data/variants/<variant>.json and config.json, under PRETRAINED_ENTRY: their
checksum there is what its trainings depend on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.variants import VariantParams
from core import file_io
from core.checksums import checksum
from core.errors import DataError
from core.paths import PRETRAINED

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, DESCRIPTION = "weights.safetensors", "pretrained.json"
PRETRAINED_ENTRY = "pretrained"


def write_pretraining(description: dict[str, Any], weights: "Mapping[str, Tensor]", root: Path = Path()) -> None:
    """Writes both files, whole or not at all; without weights the description alone."""
    with file_io.whole_folder(root / PRETRAINED) as folder:
        if weights:
            from safetensors.torch import save_file

            save_file({name: tensor.cpu().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)
            description = {**description, "checksum": checksum(folder / WEIGHTS)}
        file_io.write_json(folder / DESCRIPTION, description)


def read_pretraining(root: Path = Path()) -> dict[str, Any]:
    """What was pretrained; with pretrain.objective: none the objective alone.

    Raises:
        DataError: the file is missing or broken.
    """
    description: dict[str, Any] = file_io.read_json(root / PRETRAINED / DESCRIPTION, made_by="pretrain")
    return description


def start_of(variant: VariantParams, root: Path = Path()) -> dict[str, Any]:
    """The entry of a variant that starts from pretraining; empty for others, also where nothing was pretrained."""
    if variant.start == "random":
        return {}
    pretraining = read_pretraining(root)
    chosen = ("objective", "documents", "unlabelled", "perplexity", "checksum")
    return {PRETRAINED_ENTRY: {key: pretraining[key] for key in chosen if key in pretraining}}


def read_weights(entry: Mapping[str, Any], root: Path = Path()) -> "dict[str, Tensor]":
    """The weights that an entry is about.

    Raises:
        DataError: the file is missing, or not the one that the entry means.
    """
    from safetensors.torch import load_file

    path = file_io.verified(root / PRETRAINED / WEIGHTS, {WEIGHTS: entry["checksum"]})
    if not path.exists():
        raise DataError(f"{path} is missing; the stage pretrain makes it: dvc repro")
    return load_file(path)
