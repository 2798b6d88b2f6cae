"""Which trainings and references params.yaml compares, and the signature of their comparison.

MLflow finds all of them by their signatures: the stage compare logs them, `commands.restore` rebuilds those that the
store has lost.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from analysis.comparison.standing import TITLES
from config.compare import CompareParams
from core import file_io, paths
from core.paths import REFERENCES


def training_folders(compare: CompareParams) -> list[Path]:
    """The folders of the trainings."""
    return [paths.folder(variant, seed) for variant, seed in compare.trainings()]


def reference_folders() -> list[Path]:
    """The folders of the simple models beside them."""
    return [REFERENCES / name for name in TITLES]


def read_signatures(compare: CompareParams) -> list[str]:
    """The signatures of the trainings, then of the references.

    Raises:
        DataError: a config.json is missing or broken.
    """
    stages = dict.fromkeys(training_folders(compare), "train") | dict.fromkeys(reference_folders(), "reference")
    return [file_io.read_json(folder / "config.json", stage)["signature"] for folder, stage in stages.items()]


def comparison_signature(compare: CompareParams, trainings: Sequence[str]) -> str:
    """The signature of the comparison of `trainings` (signatures)."""
    content = json.dumps([trainings, compare.model_dump()])
    return hashlib.sha256(content.encode()).hexdigest()
