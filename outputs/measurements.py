"""Times and costs of an execution, in measurements/<signature>.json at the repository's root.

They differ each time, so no output of DVC holds them; and MLflow may be down or lose its store. The report takes its
costs from these files, and MLflow gets from them what it lacks.
"""

import json
from pathlib import Path
from typing import Any

from core import file_io
from core.repository import repository_root


def read(signature: str) -> dict[str, Any]:
    """The measurements of the execution with this signature; empty if it ran elsewhere."""
    try:
        measured = json.loads(_path(signature).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return measured if isinstance(measured, dict) else {}


def add(signature: str, **values: Any) -> None:
    """Adds or replaces `values`."""
    content = read(signature) | values
    file_io.write_json(_path(signature), content)


def _path(signature: str) -> Path:
    return repository_root() / "measurements" / f"{signature}.json"
