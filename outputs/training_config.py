"""A training's configuration: every value that decides the result, from params.yaml and from what earlier stages left.

The stage train adds the number of parameters, `write_training` (outputs/trained_model.py) the checksum of the weights:
the whole is config.json.
"""

from pathlib import Path
from typing import Any

from config.params import Params
from config.settings import applied
from config.train import CHECKPOINT_KEYS, TrainParams
from config.variants import VariantParams
from core import file_io
from core.errors import ParamsError
from core.paths import VARIANTS
from outputs.pretrained import PRETRAINED_ENTRY
from outputs.token_files import read_summary, training_documents
from outputs.tuned import read_setting
from provenance.libraries import versions
from provenance.signature import signature


def resolve(params: Params, variant: str, seed: int, root: Path = Path()) -> dict[str, Any]:
    """The configuration of a training; its `signature` identifies the checkpoints and the MLflow run.

    Raises:
        ParamsError: `variant` is not compared.
        DataError: a file of the stages match, tune and tokenize is missing or broken.
    """
    if variant not in params.compare.variants:
        raise ParamsError(f"--variant is {variant!r}; allowed: {', '.join(params.compare.variants)} (compare.variants)")
    model, start = read_variant(variant, root)
    model, settings = applied(read_setting(variant, seed, root), model, params.train)
    config = settings_part(variant, seed, model, settings, read_summary(root))
    config |= {"libraries": versions("train"), **start}
    return {**config, "signature": signature(config)}


def read_variant(variant: str, root: Path = Path()) -> tuple[VariantParams, dict[str, Any]]:
    """The variant as resolved by the stage match, and the entry of config.json about the pretraining it starts from.

    The entry is empty if the variant does not start from pretraining.
    """
    content = file_io.read_json(root / VARIANTS / f"{variant}.json", made_by="match")
    start = {PRETRAINED_ENTRY: content.pop(PRETRAINED_ENTRY)} if PRETRAINED_ENTRY in content else {}
    return VariantParams.model_validate(content), start


def settings_part(
    name: str,
    seed: int,
    variant: VariantParams,
    train: TrainParams,
    summary: dict[str, Any],
    documents: int | None = None,
) -> dict[str, Any]:
    """The settings and the tokens of a configuration; `documents` is the number of training documents, None for all."""
    documents = documents or training_documents(summary)
    return {
        "name": name,
        "seed": seed,
        "variant": variant.model_dump(),
        "train": train.model_dump(exclude=CHECKPOINT_KEYS)
        | {"epochs": train.epochs_for(documents, len(summary["labels"]))},
        "data": summary["data"],
        "tokenize": summary["tokenize"],
        "vocabulary_size": summary["vocabulary_size"],
        "labels": summary["labels"],
        "tokens": summary["checksums"],
    }
