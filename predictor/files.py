"""The files of a trained model: all that a predictor needs at run time.

- config.json: the resolved configuration of the training, with the checksums of the other files
- model.safetensors: the weights
- vocabulary.json: the tokens in the order of their numbers
- sentencepiece.model: only with that tokenizer

A folder in results/ has the first two; the others are in data/tokens. `copy` puts all of them into one folder, which
needs no other.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core import paths
from core.checksums import checksum
from core.errors import DataError, ParamsError
from core.paths import RESULTS, TOKENS

WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.json"
PIECES = "sentencepiece.model"


class ModelFiles(NamedTuple):
    """A trained model on disk; each file is the one that the training wrote or read, by its checksum."""

    config: dict[str, Any]
    weights: Path
    vocabulary: Path
    pieces: Path | None

    @property
    def name(self) -> str:
        """The model as messages name it, such as "bilstm seed 1"."""
        return f"{self.config['name']} seed {self.config['seed']}"

    def copy(self, folder: Path) -> None:
        """Copies the files into `folder`, which then is a model by itself."""
        for path in (self.weights, self.vocabulary, self.pieces):
            if path is not None:
                shutil.copyfile(path, folder / path.name)
        content = json.dumps(self.config, indent=2, ensure_ascii=False)
        (folder / "config.json").write_text(content + "\n", encoding="utf-8")


def find_training(variant: str, seed: int) -> ModelFiles:
    """The model of one training of this project.

    Raises:
        ParamsError: there is no such training; the message lists the trainings that exist.
        DataError: a file is missing, damaged, or of another training.
    """
    folder = paths.folder(variant, seed)
    if not (folder / "config.json").exists():
        trained = trainings()
        listed = ", ".join(f"{name} seed {number}" for name, seeds in trained.items() for number in seeds)
        raise ParamsError(f"{variant} seed {seed} is not trained; allowed: {listed or 'nothing yet, run make run'}")
    return find_model(folder)


def trainings() -> dict[str, list[int]]:
    """The seeds of each variant that was trained here."""
    seeds_of: dict[str, list[int]] = {}
    for path in sorted(RESULTS.glob("*/seed-*/config.json")):
        if (number := path.parent.name.removeprefix("seed-")).isdigit():
            seeds_of.setdefault(path.parent.parent.name, []).append(int(number))
    return {variant: sorted(seeds) for variant, seeds in seeds_of.items()}


def find_model(folder: Path) -> ModelFiles:
    """The model in `folder`; if the folder has no vocabulary, the tokenizer's files come from data/tokens.

    Raises:
        DataError: a file is missing, damaged, or of another training.
    """
    config = _read_config(folder / "config.json")
    checksums = {**config["tokens"], **config["checksums"]}
    beside = (folder / VOCABULARY).exists()
    shared = folder if beside else TOKENS
    pieces = shared / PIECES if config["tokenize"]["tokenizer"] == "sentencepiece" else None
    files = ModelFiles(config, folder / WEIGHTS, shared / VOCABULARY, pieces)
    for path in (files.weights, files.vocabulary, files.pieces):
        if path is not None:
            _check(path, checksums, config, own=beside or path.name == WEIGHTS)
    return files


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} is missing; allowed: a folder that training or export wrote") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is broken ({error})") from None
    needed = ("name", "seed", "variant", "train", "tokenize", "vocabulary_size", "labels", "tokens", "checksums")
    if not isinstance(config, dict) or (missing := [key for key in needed if key not in config]):
        lacking = f": {', '.join(missing)}" if isinstance(config, dict) else ""
        raise DataError(
            f"{path} is not a training's configuration, or is from an older version; keys are missing{lacking}"
        )
    return config


def _check(path: Path, checksums: dict[str, str], config: dict[str, Any], own: bool) -> None:
    try:
        intact = checksum(path) == checksums.get(path.name)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; {config['name']} seed {config['seed']} needs it") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    if not intact and own:
        raise DataError(f"{path} is damaged: its checksum does not match config.json")
    if not intact:
        raise DataError(
            f"{config['name']} seed {config['seed']} was not trained with the vocabulary {path}; train it again "
            "(make run), or use a folder that commands.export wrote"
        )


def check_alike(models: Sequence[ModelFiles]) -> None:
    """Checks that the models can form an ensemble: the same tokens and labels.

    Raises:
        ParamsError: they differ.
    """
    first, *others = models
    for other in others:
        for key in ("tokenize", "labels", "vocabulary_size"):
            if other.config[key] != first.config[key]:
                raise ParamsError(
                    f"{first.name} and {other.name} cannot form an ensemble: they differ in {key}; "
                    "allowed: models that were trained on the same tokens"
                )
        if checksum(other.vocabulary) != checksum(first.vocabulary):
            raise ParamsError(f"{first.name} and {other.name} cannot form an ensemble: their vocabularies differ")
