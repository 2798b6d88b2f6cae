"""What one execution took: when it ran, its seconds, its memory.

DVC's outputs hold none of this, since it differs each time, and MLflow may be down or lose its store. So it stands in
measurements/<signature>.json at the repository's root. The report takes its costs from there; MLflow, what it misses.
"""

import json
from pathlib import Path
from typing import Any

from core import file_io
from core.repository import repository_root


def read(signature: str) -> dict[str, Any]:
    """What is known of the execution with this signature; empty where it took place elsewhere."""
    try:
        found = json.loads(_path(signature).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def add(signature: str, **values: Any) -> None:
    """Adds `values` to what is known, or changes them."""
    file_io.write_json(_path(signature), read(signature) | values)


def _path(signature: str) -> Path:
    return repository_root() / "measurements" / f"{signature}.json"
