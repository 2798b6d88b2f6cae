"""What the stage train leaves in results/<variant>/seed-<seed>/: weights, configuration and history."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from config.variants import VariantParams
from core import file_io
from core.checksums import checksum
from core.errors import DataError
from core.paths import TOKENS
from models.classifier import TextClassifier
from outputs.token_files import read_summary


def write_training(
    folder: Path, classifier: TextClassifier, config: dict[str, Any], history: Sequence[dict[str, float]]
) -> None:
    """Writes model.safetensors, config.json (`config` and the checksum of the weights) and history.json."""
    weights = folder / "model.safetensors"
    with file_io.whole(weights) as path:
        save_file(classifier.state_dict(), path)
    checksums = {weights.name: checksum(weights)}
    file_io.write_json(folder / "config.json", {**config, "checksums": checksums})
    file_io.write_json(folder / "history.json", history)


def read_config(folder: Path, root: Path = Path()) -> dict[str, Any]:
    """The configuration of the training in `folder`, which must have used the present files of data/tokens.

    Raises:
        DataError: it is missing, or the training used other files.
    """
    config: dict[str, Any] = file_io.read_json(folder / "config.json", made_by="train")
    summary = read_summary(root)
    same = all(config[key] == summary[key] for key in ("data", "tokenize", "labels", "vocabulary_size"))
    if not same or config.get("tokens") != summary["checksums"]:  # older configurations do not have the latter
        raise DataError(f"{folder} was not trained on the tokens in {root / TOKENS}; run dvc repro")
    return config


def new_classifier(config: dict[str, Any]) -> TextClassifier:
    """The classifier that `config` (config.json) describes, with new weights; keys that an older one lacks have their
    default.
    """
    variant = VariantParams.model_validate(config["variant"])
    return TextClassifier(config["vocabulary_size"], len(config["labels"]), **variant.model_dump())


def load_classifier(config: dict[str, Any], path: Path) -> TextClassifier:
    """The classifier that `config` (config.json) describes, with the weights of the file `path`.

    Raises:
        DataError: the file is missing or broken.
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is missing or broken ({error}); delete it and run dvc repro") from None
    classifier = new_classifier(config)
    classifier.to(weights["head.weight"].dtype).load_state_dict(weights)
    return classifier
