"""Opens what a training reads besides its configuration: documents, word vectors, pretrained weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from core.errors import ParamsError
from models.training.building import TrainingData
from outputs.pretrained import PRETRAINED_ENTRY
from outputs.pretrained_weights import read_weights
from outputs.token_files import open_part, open_splits, token_file


def open_training_data(config: Mapping[str, Any], root: Path = Path(), fold_seed: int | None = None) -> TrainingData:
    """The data that `config` names; with data.folds, `fold_seed` determines the folds (None: its own seed).

    Raises:
        DataError: a file is missing, broken, or not the one that `config` names.
        ParamsError: the pretrained vectors do not fit the embedding.
    """
    train, validation = (open_part(part, config, root, fold_seed) for part in ("train", "validation"))
    reads_unlabelled = config["train"]["adversarial"]["unlabelled_batch"] > 0
    unlabelled = open_splits(["unlabelled"], config["tokens"], root) if reads_unlabelled else None
    pretrained = read_weights(config[PRETRAINED_ENTRY], root) if PRETRAINED_ENTRY in config else None
    return TrainingData(train, validation, unlabelled, _read_vectors(config, root), pretrained)


def _read_vectors(config: Mapping[str, Any], root: Path) -> Tensor | None:
    name = "vectors.safetensors"
    if name not in config["tokens"]:
        return None
    vectors = load_file(token_file(name, config["tokens"], root))["vectors"]
    if (size := config["variant"]["embedding_size"]) != vectors.shape[1]:
        key = f"variants.{config['name']}.embedding_size"
        raise ParamsError(f"{key} is {size}; allowed with these tokenize.vectors: {vectors.shape[1]}")
    return vectors
