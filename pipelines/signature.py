"""What a stage's result depends on, as one number: its params, its data, and the code that ran."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def signature(inputs: dict[str, Any]) -> str:
    """A digest of `inputs` (ready for JSON) and of every module of this project that is loaded."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode())
    for path in loaded_modules():
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def loaded_modules() -> list[Path]:
    """The project's own source files that this process has imported, sorted."""
    files = {Path(file).resolve() for module in sys.modules.values() if (file := getattr(module, "__file__", None))}
    own = {path for path in files if path.is_relative_to(ROOT) and ".venv" not in path.parts}
    return sorted(path for path in own if path.exists())  # torch makes up a file or two
