"""What a result depends on, as one number: its params, its data, and the code that runs."""

import hashlib
import json
from typing import Any

from pipelines import source_code


def signature(inputs: dict[str, Any], stage: str = "train") -> str:
    """A digest of `inputs` (ready for JSON) and of the source files of `stage`."""
    content = json.dumps(inputs, sort_keys=True) + source_code.checksums(stage)
    return hashlib.sha256(content.encode()).hexdigest()
