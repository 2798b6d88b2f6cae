"""Reads reports/comparison.json, for commands that work with its numbers."""

from typing import Any

from core import file_io
from core.errors import DataError
from core.paths import REPORTS

COMPARISON = REPORTS / "comparison.json"
KEYS = {
    "verdict", "warnings", "data", "baseline", "metric", "variants", "ensembles", "differences", "soundness",
    "references", "seeds", "documents",
}  # fmt: skip


def read_comparison() -> dict[str, Any]:
    """The content of the file (analysis/report/files.py writes it).

    Raises:
        DataError: it is missing or broken.
    """
    comparison = file_io.read_json(COMPARISON, made_by="compare")
    if not isinstance(comparison, dict) or not comparison.keys() >= KEYS:
        raise DataError(f"{COMPARISON} is not a comparison, or is from an older version; delete it and run dvc repro")
    return comparison
