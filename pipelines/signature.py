"""What a training's result depends on, as one number: its params, its data, and the code that runs."""

import hashlib
import json
from typing import Any

from pipelines import source_code


def signature(inputs: dict[str, Any]) -> str:
    """A digest of `inputs` (ready for JSON) and of the source files of the stage train."""
    content = json.dumps(inputs, sort_keys=True) + source_code.checksums("train")
    return hashlib.sha256(content.encode()).hexdigest()
