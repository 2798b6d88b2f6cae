"""Loads what the stage train wrote."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from errors import DataError
from models.classifier import TextClassifier


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
