"""Loads what the stage train wrote."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from core import file_io
from core.errors import DataError
from core.paths import TOKENS
from models.classifier import TextClassifier


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of the training in `folder`, which must have read the files that are in data/tokens now.

    Raises:
        DataError: it is missing, or was trained on others.
    """
    config: dict[str, Any] = file_io.read_json(folder / "config.json", made_by="train")
    summary = file_io.read_json(TOKENS / "summary.json", made_by="tokenize")
    same = all(config[key] == summary[key] for key in ("data", "tokenize", "labels", "vocabulary_size"))
    if not same or config.get("tokens") != summary["checksums"]:  # older configurations do not have the latter
        raise DataError(f"{folder} was trained on other tokens than those of {TOKENS}; run dvc repro")
    return config


def load_classifier(config: dict[str, Any], path: Path) -> TextClassifier:
    """The classifier that `config` (config.json) describes, with the weights of the file `path`.

    Raises:
        DataError: the file is missing or broken.
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is missing or broken ({error}); delete it and run dvc repro") from None
    classifier = TextClassifier(config["vocabulary_size"], len(config["labels"]), **config["variant"])
    classifier.to(weights["head.weight"].dtype).load_state_dict(weights)
    return classifier
