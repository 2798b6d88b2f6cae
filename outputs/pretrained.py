"""The description of the weights in data/pretrained; outputs/pretrained_weights.py writes and reads both.

For a variant that starts from these weights, data/variants/<variant>.json and config.json have an entry
PRETRAINED_ENTRY. Through the checksum in it, the variant's trainings depend on the weights.
"""

from pathlib import Path
from typing import Any

from config.variants import VariantParams
from core import file_io
from core.paths import PRETRAINED

WEIGHTS, DESCRIPTION = "weights.safetensors", "pretrained.json"
PRETRAINED_ENTRY = "pretrained"


def read_pretraining(root: Path = Path()) -> dict[str, Any]:
    """What was pretrained; with pretrain.objective: none the objective alone.

    Raises:
        DataError: the file is missing or broken.
    """
    description: dict[str, Any] = file_io.read_json(root / PRETRAINED / DESCRIPTION, made_by="pretrain")
    return description


def start_of(variant: VariantParams, root: Path = Path()) -> dict[str, Any]:
    """The entry of a variant that starts from pretraining; empty for others."""
    if variant.start == "random":
        return {}
    pretraining = read_pretraining(root)
    chosen = ("objective", "documents", "unlabelled", "perplexity", "checksum")
    return {PRETRAINED_ENTRY: {key: pretraining[key] for key in chosen if key in pretraining}}
